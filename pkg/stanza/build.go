package stanza

import (
	"fmt"
	"unsafe"

	"stanzahook/pkg/jid"
)

// Build makes a stanza of a header and the XML of its content. The result is
// parsed, so it is well formed and within the limits whatever inner holds.
func Build(h Header, inner string, lim Limits) (*Stanza, error) {
	return build(h, "", inner, lim)
}

// Must returns s, and panics on an error, for constants and tests:
//
//	ping := stanza.Must(stanza.Parse("<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>", stanza.Limits{}))
func Must(s *Stanza, err error) *Stanza {
	if err != nil {
		panic(err)
	}
	return s
}

func build(h Header, extra, inner string, lim Limits) (*Stanza, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 128+len(extra)+len(inner))
	b = h.appendTag(b, extra)
	if inner == "" {
		b = append(b, '/', '>')
	} else {
		b = append(append(b, '>'), inner...)
		b = append(append(append(b, '<', '/'), h.Kind.String()...), '>')
	}
	s, err := Parse(string(b), lim)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", h.Kind, err)
	}
	return s, nil
}

// BuildText is Build for a single child with text, in the stanza's own namespace,
// such as "body". It is faster, since it need not parse what it wrote.
func BuildText(h Header, local, text string, lim Limits) (*Stanza, error) {
	return buildText(h, local, text, false, lim)
}

// BuildMessage is Build for a message with a body and its own id as an origin-id (XEP-0359
// section 4), at the cost of BuildText.
func BuildMessage(h Header, body string, lim Limits) (*Stanza, error) {
	h.Kind = Message
	return buildText(h, "body", body, true, lim)
}

// nsStanzaID is the namespace of XEP-0359.
const nsStanzaID = "urn:xmpp:sid:0"

func buildText(h Header, local, text string, origin bool, lim Limits) (*Stanza, error) {
	if at := CheckText(text); at >= 0 {
		return nil, fmt.Errorf("%s: holds a character XML forbids, at byte %d", local, at)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	name := h.Kind.String()
	size := 160 + len(text) + len(text)/8
	if origin {
		size += 48 + len(h.ID)
	}
	b := make([]byte, 0, size)
	b = append(h.appendTag(b, ""), '>')
	c := Child{Local: local}
	c.outer.from = int32(len(b))
	b = append(append(append(b, '<'), local...), '>')
	c.inner.from = int32(len(b))
	b = AppendText(b, text)
	c.inner.to = int32(len(b))
	b = append(append(append(b, '<', '/'), local...), '>')
	c.outer.to = int32(len(b))
	end, id := c.outer.to, Child{Space: nsStanzaID, Local: "origin-id"}
	if origin {
		id.outer.from = int32(len(b))
		b = append(AppendAttr(append(b, "<origin-id xmlns='"+nsStanzaID+"'"...), "id", h.ID), '/', '>')
		end = int32(len(b))
		id.inner, id.outer.to = span{end, end}, end
	}
	b = append(append(append(b, '<', '/'), name...), '>')
	if limit := lim.Max(); len(b) > limit {
		return nil, fmt.Errorf("build %s: the stanza has %d bytes; %d are allowed", name, len(b), limit)
	}
	s := newStanza(h, few)
	s.raw, s.inner = unsafe.String(unsafe.SliceData(b), len(b)), span{c.outer.from, end} // nobody writes to b any more
	s.children = append(s.children, c)
	if origin {
		s.children = append(s.children, id)
	}
	return s, nil
}

func (h Header) check() error {
	if h.Kind < Message || h.Kind > IQ {
		return fmt.Errorf("kind: use message, presence or iq")
	}
	for _, f := range [...]struct{ name, value string }{{"type", h.Type}, {"id", h.ID}, {"lang", h.Lang}} {
		if CheckText(f.value) >= 0 {
			return fmt.Errorf("%s: holds a character XML forbids", f.name)
		}
	}
	return nil
}

func (h Header) appendTag(b []byte, extra string) []byte {
	b = append(append(b, '<'), h.Kind.String()...)
	for _, a := range [...]struct{ name, value string }{
		{"type", h.Type}, {"id", h.ID}, {"from", h.From.String()}, {"to", h.To.String()}, {"xml:lang", h.Lang},
	} {
		if a.value != "" || a.name == "id" && h.EmptyID {
			b = AppendAttr(b, a.name, a.value)
		}
	}
	return append(b, extra...)
}

// With returns the stanza with another header. The content stays byte for byte; the
// start tag is written anew. Declarations of a content namespace
// (xmlns='jabber:client') on the stanza and its direct children are removed:
// Prosody misreads stanzas that have one in a component stream.
func (s *Stanza) With(h Header, lim Limits) (*Stanza, error) {
	return build(h, s.extra, s.content(), lim)
}

// Append returns the stanza with more XML at the end of its content.
func (s *Stanza) Append(inner string, lim Limits) (*Stanza, error) {
	return build(s.Header, s.extra, s.content()+inner, lim)
}

// Without returns the stanza without its direct children in the namespace space, which is
// not empty. The others were parsed before; of the limits only that of the bytes is sure to
// be checked again.
func (s *Stanza) Without(space string, lim Limits) (*Stanza, error) {
	if s.rebuilds() {
		return s.rebuild(s.Header, space, Child{}, nil, lim)
	}
	var b []byte
	last := s.inner.from
	for _, c := range s.children {
		switch {
		case c.Space == space:
			b = append(b, s.raw[last:c.outer.from]...)
			last = c.outer.to
		case s.rewrite && c.xmlns.to > 0:
			b = append(b, s.raw[last:c.xmlns.from]...)
			last = c.xmlns.to
		}
	}
	return build(s.Header, s.extra, string(append(b, s.raw[last:s.inner.to]...)), lim)
}

// content returns Inner without declarations of content namespaces on direct children.
func (s *Stanza) content() string {
	if !s.rewrite {
		return s.Inner()
	}
	var b []byte
	last := s.inner.from
	for _, c := range s.children {
		if c.xmlns.to > 0 {
			b = append(b, s.raw[last:c.xmlns.from]...)
			last = c.xmlns.to
		}
	}
	return string(append(b, s.raw[last:s.inner.to]...))
}

// Reply returns the header of an answer: addresses swapped, kind and id kept (RFC
// 6120 section 8.1), and no type.
func (s *Stanza) Reply() Header {
	return Header{Kind: s.Kind, ID: s.ID, EmptyID: s.EmptyID, From: s.To, To: s.From}
}

// Result answers an IQ get or set with the XML of a payload, which may be
// empty (RFC 6120 section 8.2.3).
func (s *Stanza) Result(payload string, lim Limits) (*Stanza, error) {
	h := s.Reply()
	h.Type = "result"
	return Build(h, payload, lim)
}

// TextElement returns <local>text</local> in the stanza's own namespace, escaped.
// The text must pass [CheckText].
func TextElement(local, text string) string {
	b := make([]byte, 0, len(text)+2*len(local)+5)
	b = append(append(append(b, '<'), local...), '>')
	b = AppendText(b, text)
	return string(append(append(append(b, '<', '/'), local...), '>'))
}

// Chat returns a message of type chat with a body.
func Chat(from, to jid.JID, id, body string) (*Stanza, error) {
	if CheckText(body) >= 0 {
		return nil, fmt.Errorf("body: holds a character XML forbids")
	}
	return Build(Header{Kind: Message, Type: "chat", ID: id, From: from, To: to}, TextElement("body", body), Limits{})
}
