package stanza

import (
	"fmt"
	"strings"

	"stanzahook/pkg/jid"
)

// NotStanza is the error of Parse for a well-formed element that is not a message,
// presence or iq in the stream's namespace.
type NotStanza struct{ Space, Local string }

func (e *NotStanza) Error() string {
	return fmt.Sprintf("the element <%s xmlns='%s'> is not a stanza; use message, presence or iq", clip(e.Local), clip(e.Space))
}

// Parser reads stanzas as [Parse] does and reuses its working memory. It is not safe
// for concurrent use.
type Parser struct{ x scanner }

// NewParser returns a Parser. The scope, which may be nil, has the declarations of
// the stream header.
func NewParser(lim Limits, scope []Namespace) *Parser {
	return &Parser{scanner{lim: lim.withDefaults(), scope: scope}}
}

// DropUndeclared makes p drop attributes with an undeclared prefix, and returns p.
// ejabberd sends such attributes: it keeps the attribute of a client but not the
// declaration of its prefix. The sender wrote it correctly and must not lose the
// stanza.
func (p *Parser) DropUndeclared() *Parser {
	p.x.dropping = true
	return p
}

// Parse reads one stanza. The XML must be exactly one well-formed element, without
// anything that RFC 6120 section 11.1 forbids, and within the limits. The stanza
// shares the memory of raw, but for the id and the addresses of a large one. Addresses that are not RFC 7622 JIDs are kept
// unchanged, since a stanza from the server must stay answerable; for stanzas from
// elsewhere, check From and To with jid.Parse. Errors: [*ParseError],
// [*NotStanza].
func Parse(raw string, lim Limits) (*Stanza, error) { return NewParser(lim, nil).Parse(raw) }

// Parse reads one stanza, as the function [Parse] does.
func (p *Parser) Parse(raw string) (*Stanza, error) {
	x := &p.x
	x.reset(raw)
	s := newStanza(Header{}, some)
	s.raw = raw
	space, local, ok := x.stanza(s)
	if !ok {
		return nil, x.err
	}
	s.Kind = KindOf(local)
	if s.Kind == 0 || !contentNamespace(space) {
		return nil, &NotStanza{space, local}
	}
	if len(x.dropped) > 0 {
		return p.Parse(without(raw, x.dropped))
	}
	if len(x.outer) > 0 {
		return p.Parse(declareAll(raw, x.outer))
	}
	return s, nil
}

// without removes pieces of raw, which are in order.
func without(raw string, pieces []span) string {
	out := make([]byte, 0, len(raw))
	last := int32(0)
	for _, s := range pieces {
		out = append(out, raw[last:s.from]...)
		last = s.to
	}
	return string(append(out, raw[last:]...))
}

// declareAll writes namespace declarations into the start tag of raw.
func declareAll(raw string, ns []Namespace) string {
	i := 1
	for nameClass[raw[i]] != 0 {
		i++
	}
	out := make([]byte, 0, len(raw)+64*len(ns))
	out = append(out, raw[:i]...)
	for _, n := range ns {
		out = AppendAttr(out, "xmlns:"+n.Prefix, n.URI)
	}
	return string(append(out, raw[i:]...))
}

// stanza is the strict pass over the element; it fills s.
func (x *scanner) stanza(s *Stanza) (space, local string, ok bool) {
	if len(x.s) > x.lim.MaxBytes {
		return "", "", x.fail(x.lim.MaxBytes, "the stanza has %d bytes; %d are allowed", len(x.s), x.lim.MaxBytes)
	}
	if len(x.s) == 0 || x.s[0] != '<' {
		return "", "", x.fail(0, "an element is expected")
	}
	for x.i < len(x.s) {
		if x.s[x.i] != '<' {
			if !x.text() {
				return "", "", false
			}
			continue
		}
		rest := x.s[x.i:]
		switch {
		case strings.HasPrefix(rest, "</"):
			if !x.endTag(s) {
				return "", "", false
			}
		case strings.HasPrefix(rest, "<![CDATA["):
			if !x.cdata() {
				return "", "", false
			}
		case rest[1:] != "" && (rest[1] == '!' || rest[1] == '?'):
			return "", "", x.restricted(rest)
		default:
			uri, name, ok := x.element(s)
			if !ok {
				return "", "", false
			}
			if local == "" {
				space, local = uri, name
			}
		}
		if len(x.elems) == 0 {
			if x.i < len(x.s) {
				return "", "", x.fail(x.i, "there is content after the end of the stanza")
			}
			return space, local, true
		}
	}
	return "", "", x.fail(x.i, "the element <%s> is not closed", clip(x.elems[len(x.elems)-1]))
}

// restricted fails with the reason why XMPP forbids what begins at x.i.
func (x *scanner) restricted(rest string) bool {
	what := "document type declarations are not allowed in XMPP"
	switch {
	case strings.HasPrefix(rest, "<!--"):
		what = "comments are not allowed in XMPP"
	case rest[1] == '?':
		what = "processing instructions and XML declarations are not allowed here"
	}
	return x.fail(x.i, "%s (RFC 6120 section 11.1)", what)
}

// open reads the start tag at x.i and adds its declarations. The caller of open must
// call leave if the tag also closes the element.
func (x *scanner) open() (name, uri string, selfClosed, ok bool) {
	at, depth := x.i, len(x.elems)
	x.i++
	if name, selfClosed, ok = x.startTag(); !ok {
		return "", "", false, false
	}
	if depth >= x.lim.MaxDepth {
		return "", "", false, x.fail(at, "elements nest deeper than %d", x.lim.MaxDepth)
	}
	if !x.declare(depth) {
		return "", "", false, false
	}
	x.elems = append(x.elems, name)
	uri, ok = x.prefixes(name, at)
	return name, uri, selfClosed, ok
}

// close reads the end tag at x.i.
func (x *scanner) close() bool {
	at := x.i
	x.i += 2
	top := len(x.elems) - 1
	if top < 0 {
		return x.fail(at, "an end tag without a start tag")
	}
	open := x.elems[top]
	if !strings.HasPrefix(x.s[x.i:], open) {
		return x.fail(at, "the end tag does not match <%s>", clip(open))
	}
	x.i += len(open)
	x.space()
	if x.i >= len(x.s) || x.s[x.i] != '>' {
		return x.fail(at, "the end tag does not match <%s>", clip(open))
	}
	x.i++
	x.leave()
	return true
}

// leave forgets the innermost open element and what it declared.
func (x *scanner) leave() {
	top := len(x.elems) - 1
	x.elems = x.elems[:top]
	x.undeclare(top)
}

// element reads the start tag at x.i into s.
func (x *scanner) element(s *Stanza) (uri, local string, ok bool) {
	at, depth := x.i, len(x.elems)
	name, uri, selfClosed, ok := x.open()
	if !ok {
		return "", "", false
	}
	prefix, local := prefixOf(name)
	switch depth {
	case 0:
		if prefix != "" && contentNamespace(uri) && KindOf(local) != 0 {
			return "", "", x.fail(at, "write the stanza without the prefix %q: <%s …>", prefix, local)
		}
		x.root(s)
		s.inner.from = int32(x.i)
	case 1:
		c := Child{Space: uri, Local: local, outer: span{from: int32(at)}, inner: span{from: int32(x.i)}}
		if prefix == "" && contentNamespace(uri) {
			c.Space = ""
			for k := range x.attr {
				if a := &x.attr[k]; a.name == "xmlns" {
					c.xmlns = span{int32(a.start), int32(a.valueEnd)}
					s.rewrite = true
				}
			}
		}
		if selfClosed {
			c.inner = span{int32(x.i), int32(x.i)}
			c.outer.to = int32(x.i)
		}
		s.children = append(s.children, c)
	}
	if selfClosed {
		x.leave()
		if depth == 0 {
			s.inner = span{int32(x.i), int32(x.i)}
		}
	}
	return uri, local, true
}

// endTag reads the end tag at x.i into s.
func (x *scanner) endTag(s *Stanza) bool {
	at := x.i
	if !x.close() {
		return false
	}
	switch len(x.elems) {
	case 0:
		s.inner.to = int32(at)
	case 1:
		c := &s.children[len(s.children)-1]
		c.inner.to, c.outer.to = int32(at), int32(x.i)
	}
	return true
}

// root reads the attributes of the stanza itself.
func (x *scanner) root(s *Stanza) {
	for k := range x.attr {
		a := &x.attr[k]
		switch a.name {
		case "type":
			s.Type = a.text()
		case "id":
			s.ID = x.own(a.text())
			s.EmptyID = s.ID == ""
		case "from":
			s.From = jid.FromServer(x.own(a.text()))
		case "to":
			s.To = jid.FromServer(x.own(a.text()))
		case "xml:lang":
			s.Lang = a.text()
		case "xmlns":
			s.rewrite = true
		default:
			if strings.HasPrefix(a.name, "xmlns:") {
				if s.extra == "" {
					s.extra = x.s[a.start:a.valueEnd]
				} else {
					s.extra += x.s[a.start:a.valueEnd]
				}
			} else {
				s.rewrite = true
			}
		}
	}
}

// ownAbove is from how many bytes of a stanza on its id and addresses are copies. Tables
// that are kept for long have them as keys, and a key that is a part of a large stanza
// would keep all of it in memory. In a small one it is not worth an allocation.
const ownAbove = 1024

func (x *scanner) own(text string) string {
	if len(x.s) > ownAbove {
		return strings.Clone(text)
	}
	return text
}

// StreamHeader is the start tag of the server's stream (RFC 6120 section 4.7).
type StreamHeader struct {
	ID, From string
	// Content is the namespace of the stanzas: NSComponent at a component listener.
	Content string
	// Scope has the declarations of the header, for NewParser.
	Scope []Namespace
}

func parseStreamHeader(tag string, lim Limits) (*StreamHeader, error) {
	x := scanner{lim: lim.withDefaults()}
	x.reset(tag)
	x.i = 1
	name, selfClosed, ok := x.startTag()
	if !ok || !x.declare(0) {
		return nil, x.err
	}
	uri, ok := x.prefixes(name, 0)
	if !ok {
		return nil, x.err
	}
	if _, local := prefixOf(name); local != "stream" || uri != NSStream || selfClosed {
		return nil, &NotStanza{uri, name}
	}
	h := &StreamHeader{}
	for k := range x.attr {
		switch a := &x.attr[k]; a.name {
		case "id":
			h.ID = a.text()
		case "from":
			h.From = a.text()
		}
	}
	for _, b := range x.bind {
		if b.prefix == "" {
			h.Content = b.uri
		}
		if b.prefix == "" && contentNamespace(b.uri) {
			continue // stanzas are written without it
		}
		h.Scope = append(h.Scope, Namespace{b.prefix, b.uri})
	}
	return h, nil
}
