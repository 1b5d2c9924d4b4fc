package stanza

import (
	"strings"

	"stanzahook/pkg/jid"
)

// Kind is the element name of a stanza (RFC 6120 section 8).
type Kind uint8

// The three kinds of stanza.
const (
	Message Kind = iota + 1
	Presence
	IQ
)

// String returns the element name: "message", "presence" or "iq".
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Presence:
		return "presence"
	case IQ:
		return "iq"
	}
	return "unknown"
}

// KindOf returns the kind with that element name, or 0.
func KindOf(name string) Kind {
	switch name {
	case "message":
		return Message
	case "presence":
		return Presence
	case "iq":
		return IQ
	}
	return 0
}

// Header is the start tag of a stanza: its kind and the attributes of RFC 6120
// section 8.1. Other attributes have no meaning there and are dropped.
type Header struct {
	Kind     Kind
	Type     string // as written; empty if absent
	ID       string
	EmptyID  bool   // the id attribute is there and empty; an answer must have it too
	Lang     string // xml:lang
	From, To jid.JID
}

// Stanza is one stanza: its exact XML and what routing needs of it. It is immutable;
// Parse and Build make it.
type Stanza struct {
	Header
	raw      string
	inner    span // content between start tag and end tag
	extra    string
	children []Child
	rewrite  bool // the XML must be rewritten before it goes into a stream
}

// few and some are how many children a stanza is made with room for.
const few, some = 3, 6

// newStanza returns a stanza without content, with room for children behind it, which saves a
// look into other memory: for few, or for some.
func newStanza(h Header, children int) *Stanza {
	if children <= few {
		x := &struct {
			Stanza
			space [few]Child
		}{Stanza: Stanza{Header: h}}
		x.children = x.space[:0]
		return &x.Stanza
	}
	x := &struct {
		Stanza
		space [some]Child
	}{Stanza: Stanza{Header: h}}
	x.children = x.space[:0]
	return &x.Stanza
}

// span is a range of bytes of the XML.
type span struct{ from, to int32 }

// Child is a direct child element of a stanza.
type Child struct {
	// Space is the namespace; empty for the stanza's own (jabber:client,
	// jabber:component:accept).
	Space string
	Local string

	outer, inner span
	xmlns        span // a declaration of a content namespace, which rewriting removes
}

// XML returns the exact bytes. They parse on their own: prefixes of the stream are
// declared on the stanza.
func (s *Stanza) XML() string { return s.raw }

// Inner returns the XML between start tag and end tag.
func (s *Stanza) Inner() string { return s.raw[s.inner.from:s.inner.to] }

// Children returns the direct child elements in order. The slice must not be
// changed.
func (s *Stanza) Children() []Child { return s.children }

// Payload returns the first child element; an IQ of type get or set has
// exactly one (RFC 6120 section 8.2.3).
func (s *Stanza) Payload() (Child, bool) {
	if len(s.children) == 0 {
		return Child{}, false
	}
	return s.children[0], true
}

// Child returns the first direct child with that namespace and name; an empty
// name matches any.
func (s *Stanza) Child(space, local string) (Child, bool) {
	for _, c := range s.children {
		if c.Space == space && (local == "" || c.Local == local) {
			return c, true
		}
	}
	return Child{}, false
}

// ChildXML returns the XML of a child as it is in the stanza. Prefixes and the
// default namespace may be declared outside of it; see Standalone.
func (s *Stanza) ChildXML(c Child) string { return s.raw[c.outer.from:c.outer.to] }

// Place returns where in XML a child begins and ends.
func (s *Stanza) Place(c Child) (from, to int) { return int(c.outer.from), int(c.outer.to) }

// ChildText returns the character data directly in a child, unescaped.
func (s *Stanza) ChildText(c Child) string {
	return unescape(s.raw[c.inner.from:c.inner.to], false)
}

// ChildAttr returns the value of an attribute of a child itself, of a name without a
// prefix. It reads the start tag only, which Parse has checked, and allocates only for a
// value with references.
func (s *Stanza) ChildAttr(c Child, local string) (string, bool) {
	tag := s.raw[c.outer.from+1 : c.outer.to]
	for tag[0] != '>' && tag[0] != '/' {
		if tag[0] > ' ' { // the name of the element, or of an attribute
			n := 1
			for nameClass[tag[n]] != 0 {
				n++
			}
			name := tag[:n]
			if tag = strings.TrimLeft(tag[n:], " \t\r\n"); tag[0] != '=' {
				continue
			}
			tag = strings.TrimLeft(tag[1:], " \t\r\n")
			end := strings.IndexByte(tag[1:], tag[0]) + 1
			if name == local {
				return unescape(tag[1:end], true), true
			}
			tag = tag[end:]
		}
		tag = tag[1:]
	}
	return "", false
}

// Text returns the text of the first child of that name in the stanza's own
// namespace, such as "body", "subject" or "thread" (RFC 6121 section 5.2).
func (s *Stanza) Text(local string) (string, bool) {
	c, ok := s.Child("", local)
	if !ok {
		return "", false
	}
	return s.ChildText(c), true
}

// Body returns the text of the first <body/> that is a direct child. Bodies
// inside other elements (forwarded messages, XHTML-IM) are not the body.
func (s *Stanza) Body() (string, bool) { return s.Text("body") }

// NeedsAnswer reports whether the stanza is an IQ of type get or set, which must be
// answered (RFC 6120 section 8.2.3).
func (s *Stanza) NeedsAnswer() bool {
	return s.Kind == IQ && (s.Type == "get" || s.Type == "set")
}

// MayBounce reports whether an error may answer the stanza. It may not for errors
// and IQ results (RFC 6120 section 8.3.1), for groupchat and headline messages,
// whose senders do not expect errors, and for presence other than subscription
// requests and probes.
func (s *Stanza) MayBounce() bool {
	if s.From.IsZero() {
		return false
	}
	switch s.Kind {
	case IQ:
		return s.NeedsAnswer()
	case Message:
		return s.Type != "error" && s.Type != "groupchat" && s.Type != "headline"
	case Presence:
		return s.Type == "subscribe" || s.Type == "probe"
	}
	return false
}
