package stanza

import "strings"

// Inside is an element somewhere inside a child of a stanza, as [Stanza.Walk]
// shows it.
type Inside struct {
	Depth int    // 1: directly inside the child
	Local string // name without its prefix; which namespace it is of is not looked at
	x     *scanner
	at    int // of its '<'
	empty bool
}

// Attr returns the value of an attribute that is written without a prefix. It
// is of use only until the walk goes on.
func (e Inside) Attr(name string) (string, bool) {
	for k := range e.x.attr {
		if e.x.attr[k].name == name {
			return e.x.attr[k].text(), true
		}
	}
	return "", false
}

// Text returns the character data directly in the element. It is of use only
// until the walk goes on.
func (e Inside) Text() string {
	if e.empty {
		return ""
	}
	s := e.x.s
	end := strings.LastIndex(s[:skipElement(s, e.at)], "</")
	if end < e.x.i {
		return ""
	}
	return unescape(s[e.x.i:end], false)
}

// Walk calls visit for each element inside a child, in the order of their start
// tags. It is for payloads of a flat shape, such as rosters and lists of items,
// where a tree would cost more than it is worth.
func (s *Stanza) Walk(c Child, visit func(Inside)) {
	x := scanner{lim: Limits{}.withDefaults()}
	x.reset(s.raw[c.inner.from:c.inner.to])
	depth := 0
	for x.i < len(x.s) {
		// What Parse has checked holds no surprises; a refusal would end the walk.
		switch rest := x.s[x.i:]; {
		case rest[0] != '<':
			if !x.text() {
				return
			}
		case strings.HasPrefix(rest, "</"):
			depth--
			x.i += strings.IndexByte(rest, '>') + 1
		case strings.HasPrefix(rest, "<![CDATA["):
			if !x.cdata() {
				return
			}
		default:
			at := x.i
			x.i++
			name, empty, ok := x.startTag()
			if !ok {
				return
			}
			_, local := prefixOf(name)
			visit(Inside{Depth: depth + 1, Local: local, x: &x, at: at, empty: empty})
			if !empty {
				depth++
			}
		}
	}
}
