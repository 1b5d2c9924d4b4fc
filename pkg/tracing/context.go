package tracing

import "encoding/hex"

// Header is the header field of a [Context], in its canonical form.
const Header = "Traceparent"

// Context says where in which trace a span is. The zero Context is none.
type Context struct {
	Trace   [16]byte
	Span    [8]byte
	Sampled bool // the trace is recorded
}

// IsZero reports whether there is no span.
func (c Context) IsZero() bool { return c == Context{} }

const traceparentLen = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// Parse reads a traceparent (W3C Trace Context section 3.2), also of a version that is still
// to come; the zero Context if it is none.
func Parse(text string) Context {
	if len(text) < traceparentLen || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Context{}
	}
	var version, flags [1]byte
	var c Context
	if !lowerHex(version[:], text[:2]) || !lowerHex(c.Trace[:], text[3:35]) || !lowerHex(c.Span[:], text[36:52]) || !lowerHex(flags[:], text[53:55]) {
		return Context{}
	}
	more := text[traceparentLen:]
	switch {
	case version[0] == 0xff, version[0] == 0 && more != "", more != "" && more[0] != '-':
		return Context{}
	case c.Trace == [16]byte{}, c.Span == [8]byte{}:
		return Context{}
	}
	c.Sampled = flags[0]&1 != 0
	return c
}

// lowerHex reads lower-case hex digits, and reports whether there are no others.
func lowerHex(to []byte, text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	n, err := hex.Decode(to, []byte(text))
	return err == nil && n == len(to)
}

// String returns the traceparent.
func (c Context) String() string {
	var b [traceparentLen]byte
	copy(b[:], "00-")
	hex.Encode(b[3:35], c.Trace[:])
	b[35] = '-'
	hex.Encode(b[36:52], c.Span[:])
	copy(b[52:], "-00")
	if c.Sampled {
		b[54] = '1'
	}
	return string(b[:])
}
