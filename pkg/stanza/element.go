package stanza

import (
	"math"
	"strings"
)

// Element is an element and everything inside it, as a tree.
type Element struct {
	// Space is the namespace; it is empty for the one that stanzas are in, as in
	// [Child].
	Space, Local string
	Prefixed     bool   // the name is written with a prefix
	Attrs        []Attr // in order, without namespace declarations
	Children     []Element
	Text         string // the character data directly inside, unescaped

	raw   string
	xmlns span // where raw declares the default namespace
}

// Attr is an attribute. Its Space is empty where its name has no prefix.
type Attr struct{ Space, Local, Value string }

// XML returns the element as it is written; the prefixes and the default
// namespace may be declared around it.
func (e *Element) XML() string { return e.raw }

// Attr returns the value of the attribute of that name without a prefix.
func (e *Element) Attr(local string) (string, bool) {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Local == local && a.Space == "" {
			return a.Value, true
		}
	}
	return "", false
}

// Lang returns the element's own xml:lang; empty if it has none.
func (e *Element) Lang() string {
	for i := range e.Attrs {
		if a := &e.Attrs[i]; a.Local == "lang" && a.Space == NSXML {
			return a.Value
		}
	}
	return ""
}

// Child returns the first child with that namespace and name, or nil.
func (e *Element) Child(space, local string) *Element {
	for i := range e.Children {
		if c := &e.Children[i]; c.Local == local && c.Space == space {
			return c
		}
	}
	return nil
}

// Blank reports whether the element has no text but white space.
func (e *Element) Blank() bool { return strings.Trim(e.Text, " \t\r\n") == "" }

// DeclaresSpace reports whether the name is written without a prefix and the
// element itself declares its namespace.
func (e *Element) DeclaresSpace() bool { return !e.Prefixed && e.xmlns.to > 0 }

// WithoutSpace returns the XML without the declaration that DeclaresSpace
// reports.
func (e *Element) WithoutSpace() string { return e.raw[:e.xmlns.from] + e.raw[e.xmlns.to:] }

// Condition returns the defined condition and the text of a stanza error, a
// stream error or a SASL failure, whose children are in the namespace space
// (RFC 6120 sections 8.3, 4.9 and 6.5). Each is empty where there is none.
func (e *Element) Condition(space string) (condition, text string) {
	for i := range e.Children {
		switch c := &e.Children[i]; {
		case c.Space != space:
		case c.Local == "text":
			text = strings.TrimSpace(c.Text)
		default:
			condition = c.Local
		}
	}
	return condition, text
}

// ParseElement reads one element, as strictly as [Parse] reads a stanza.
func ParseElement(raw string, lim Limits) (*Element, error) { return NewParser(lim, nil).Element(raw) }

// Element reads one element that need not be a stanza, such as a stream error.
func (p *Parser) Element(raw string) (*Element, error) {
	x := &p.x
	x.reset(raw)
	var e Element
	switch {
	case len(raw) > x.lim.MaxBytes:
		x.fail(x.lim.MaxBytes, "the element has %d bytes; %d are allowed", len(raw), x.lim.MaxBytes)
	case raw == "" || raw[0] != '<':
		x.fail(0, "an element is expected")
	case x.tree(&e) && x.i < len(raw):
		x.fail(x.i, "there is content after the end of the element")
	}
	switch {
	case x.err != nil:
		return nil, x.err
	case len(x.dropped) > 0:
		return p.Element(without(raw, x.dropped))
	}
	return &e, nil
}

// Element returns a child of the stanza as a tree.
func (s *Stanza) Element(c Child) *Element {
	var x scanner
	var attrs [4]attribute // they are on the heap; most elements have fewer
	var binds [2]binding
	var elems [4]string
	x.attr, x.bind, x.elems = attrs[:0], binds[:0], elems[:0]
	var e Element
	s.tree(&x, c, &e)
	return &e
}

// Standalone returns the XML of a child with the declarations of the prefixes
// that it has from the stanza, so that it can be read without the stanza.
func (s *Stanza) Standalone(c Child) string {
	if s.extra == "" {
		return s.ChildXML(c)
	}
	var x scanner
	s.tree(&x, c, &Element{})
	return declareAll(s.ChildXML(c), x.outer)
}

// tree reads a child, which [Parse] has checked.
func (s *Stanza) tree(x *scanner, c Child, e *Element) {
	x.lim = Limits{MaxDepth: math.MaxInt, MaxAttrs: math.MaxInt, MaxBindings: math.MaxInt}
	if s.extra != "" {
		x.s, x.i = s.raw, 1
		x.startTag()
		x.declare(-1)
		for _, b := range x.bind {
			if b.prefix != "" {
				x.scope = append(x.scope, Namespace{b.prefix, b.uri})
			}
		}
	}
	x.reset(s.ChildXML(c))
	x.tree(e)
}

// tree reads the element at x.i.
func (x *scanner) tree(e *Element) bool {
	at, depth := x.i, len(x.elems)
	name, uri, closed, ok := x.open()
	if !ok {
		return false
	}
	prefix, local := prefixOf(name)
	e.Space, e.Local, e.Prefixed = uri, local, prefix != ""
	if depth == 0 && !e.Prefixed && contentNamespace(uri) {
		e.Space = ""
		for k := range x.bind {
			if b := &x.bind[k]; b.prefix == "" && b.depth == 0 {
				b.uri = "" // for the children too
			}
		}
	}
	x.attributes(e, at)
	if closed {
		x.leave()
	}
	var pieces []byte // the text, once there are several pieces
	for !closed {
		from := x.i
		switch {
		case x.i >= len(x.s):
			return x.fail(x.i, "the element <%s> is not closed", clip(name))
		case x.s[x.i] != '<':
			if !x.text() {
				return false
			}
			pieces = e.addText(pieces, unescape(x.s[from:x.i], false))
		case strings.HasPrefix(x.s[x.i:], "</"):
			if closed = x.close(); !closed {
				return false
			}
		case strings.HasPrefix(x.s[x.i:], "<![CDATA["):
			if !x.cdata() {
				return false
			}
			pieces = e.addText(pieces, newlines(x.s[from+len("<![CDATA["):x.i-len("]]>")]))
		case strings.HasPrefix(x.s[x.i:], "<!"), strings.HasPrefix(x.s[x.i:], "<?"):
			return x.restricted(x.s[x.i:])
		default:
			e.Children = append(e.Children, Element{})
			if !x.tree(&e.Children[len(e.Children)-1]) {
				return false
			}
		}
	}
	if pieces != nil {
		e.Text = string(pieces)
	}
	e.raw = x.s[at:x.i]
	return true
}

// attributes copies those of the start tag just read, which began at offset at.
func (x *scanner) attributes(e *Element, at int) {
	for k := range x.attr {
		a := &x.attr[k]
		prefix, local := prefixOf(a.name)
		switch {
		case a.name == "xmlns":
			e.xmlns = span{int32(a.start - at), int32(a.valueEnd - at)}
		case prefix == "xmlns":
		default:
			if e.Attrs == nil {
				e.Attrs = make([]Attr, 0, len(x.attr)-k)
			}
			e.Attrs = append(e.Attrs, Attr{a.uri, local, a.text()})
		}
	}
}

// addText adds a piece to the text. Most elements have one piece, which needs
// no copy.
func (e *Element) addText(pieces []byte, text string) []byte {
	switch {
	case pieces != nil:
		return append(pieces, text...)
	case e.Text == "":
		e.Text = text
		return nil
	}
	return append([]byte(e.Text), text...)
}
