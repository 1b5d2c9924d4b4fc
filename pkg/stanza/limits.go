package stanza

// Limits bound what [Parse] and [Reader] accept. A zero field means its default.
type Limits struct {
	// MaxBytes is the largest stanza in bytes, start tag and end tag included.
	// Default 262144. RFC 6120 section 13.12 demands at least 10000.
	MaxBytes int
	// MaxDepth is how deep elements may nest, the stanza itself being 1. Default 64.
	MaxDepth int
	// MaxAttrs is the largest number of attributes of one element, namespace
	// declarations included. Default 64.
	MaxAttrs int
	// MaxBindings is the largest number of namespace declarations in scope: those
	// of an element and of all elements around it. Each prefix is looked up among
	// them. Default 256.
	MaxBindings int
}

const (
	defaultMaxBytes    = 262144
	defaultMaxDepth    = 64
	defaultMaxAttrs    = 64
	defaultMaxBindings = 256
)

func (l Limits) withDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = defaultMaxBytes
	}
	if l.MaxDepth == 0 {
		l.MaxDepth = defaultMaxDepth
	}
	if l.MaxAttrs == 0 {
		l.MaxAttrs = defaultMaxAttrs
	}
	if l.MaxBindings == 0 {
		l.MaxBindings = defaultMaxBindings
	}
	return l
}

// Max returns the largest stanza in bytes.
func (l Limits) Max() int { return l.withDefaults().MaxBytes }
