package stanza

import (
	"fmt"
	"unsafe"
)

// AppendCleanAttr is AppendAttr with the value that Clean makes of a text, in less time.
func AppendCleanAttr(dst []byte, name, value string) []byte {
	if !isPlain(value) {
		return AppendAttr(dst, name, Clean(value))
	}
	dst = append(append(append(dst, ' '), name...), '=', '\'')
	return append(append(dst, value...), '\'')
}

// isPlain reports whether a text is its own escaped and clean form, as most are. It may report
// false for such a text.
func isPlain(s string) bool {
	for i := range len(s) {
		if byteClass[s[i]] != plain || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// AppendEmpty returns the stanza with another header and one more child at the end, which
// has no content, and the attributes that AppendCleanAttr has written, each once. The content
// that is there was parsed before; of the limits only that of the bytes is checked again, so
// this is faster than With and Append.
// Errors: a name or a namespace that XML forbids, a stanza that is too large.
func (s *Stanza) AppendEmpty(h Header, space, local string, attrs []byte, lim Limits) (*Stanza, error) {
	if !isName(local) || CheckText(space) >= 0 {
		return nil, fmt.Errorf("element <%s>: a name or the namespace holds a character XML forbids", clip(local))
	}
	if !s.rebuilds() {
		return build(h, s.extra, s.content()+string(appendEmpty(nil, space, local, attrs)), lim)
	}
	return s.rebuild(h, "", Child{Space: space, Local: local}, attrs, lim)
}

func appendEmpty(b []byte, space, local string, attrs []byte) []byte {
	b = AppendAttr(append(append(b, '<'), local...), "xmlns", space)
	return append(append(b, attrs...), '/', '>')
}

// isName reports whether a text is an ASCII name without a prefix.
func isName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'; !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return text != ""
}

// rebuilds reports whether rebuild is right for the stanza. What it makes shares names with
// the stanza that it is made of, and so keeps it in memory; of a large one that would be a waste.
func (s *Stanza) rebuilds() bool { return !s.rewrite && len(s.raw) <= ownAbove }

// rebuild returns a stanza of the parts of one that needs no rewriting, without parsing them
// again: with another header, without the children in a namespace ("": with all), and with one
// more child, unless it has no name.
func (s *Stanza) rebuild(h Header, drop string, add Child, attrs []byte, lim Limits) (*Stanza, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	size := len(s.raw) + max(0, len(h.To.String())-len(s.To.String())) // of most headers
	if add.Local != "" {
		size += 32 + len(add.Space) + len(add.Local) + len(attrs)
	}
	b := make([]byte, 0, size)
	b = append(h.appendTag(b, s.extra), '>')
	begin := int32(len(b))
	x := newStanza(h, len(s.children)+1)
	x.extra = s.extra
	last := s.inner.from
	for _, c := range s.children {
		if drop != "" && c.Space == drop {
			b = append(b, s.raw[last:c.outer.from]...)
			last = c.outer.to
			continue
		}
		move := int32(len(b)) - last
		c.outer.from, c.outer.to, c.inner.from, c.inner.to = c.outer.from+move, c.outer.to+move, c.inner.from+move, c.inner.to+move
		x.children = append(x.children, c)
	}
	b = append(b, s.raw[last:s.inner.to]...)
	if add.Local != "" {
		add.outer.from = int32(len(b))
		b = appendEmpty(b, add.Space, add.Local, attrs)
		add.outer.to = int32(len(b))
		add.inner = span{add.outer.to, add.outer.to}
		x.children = append(x.children, add)
	}
	end := int32(len(b))
	if begin == end {
		b = append(b[:begin-1], '/', '>')
		begin = int32(len(b))
		end = begin
	} else {
		b = append(append(append(b, '<', '/'), h.Kind.String()...), '>')
	}
	if limit := lim.Max(); len(b) > limit {
		return nil, fmt.Errorf("build %s: the stanza has %d bytes; %d are allowed", h.Kind, len(b), limit)
	}
	x.raw, x.inner = unsafe.String(unsafe.SliceData(b), len(b)), span{begin, end} // nobody writes to b any more
	return x, nil
}
