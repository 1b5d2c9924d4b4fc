package restjson

import (
	"bytes"
	"slices"

	"stanzahook/pkg/stanza"
)

// Append appends the JSON form of a stanza, an object with its braces. To add
// members of your own, cut the last byte, which is the closing brace; there is
// always at least one member, kind.
func Append(dst []byte, s *stanza.Stanza) []byte { return encode(dst, s, level{depth: 1}) }

// encoder writes the JSON of one stanza.
type encoder struct {
	s     *stanza.Stanza
	dst   []byte
	at    level
	inXML []bool // the children that are in the key xml
	any   bool   // one of them is

	omit       []string // keys that are left out
	hidden     string   // the namespace of children that are left out; empty: none
	byLanguage bool     // pick the body and subject in the stanza's language
}

func encode(dst []byte, s *stanza.Stanza, at level) []byte {
	e := encoder{s: s, dst: dst, at: at}
	return e.object()
}

func (e *encoder) object() []byte {
	s := e.s
	e.dst = append(e.dst, '{')
	e.header("kind", s.Kind.String())
	if s.Kind == stanza.Presence && s.Type == "" {
		e.header("type", "available")
	} else {
		e.header("type", s.Type)
	}
	e.header("to", s.To.String())
	e.header("from", s.From.String())
	e.header("id", s.ID)
	e.header("lang", e.language())
	e.children()
	return append(e.dst, '}')
}

func (e *encoder) header(name, value string) {
	if value != "" {
		e.begin(name)
		e.dst = appendString(e.dst, value)
	}
}

func (e *encoder) begin(key string) {
	if e.dst[len(e.dst)-1] != '{' {
		e.dst = append(e.dst, ',')
	}
	e.dst = append(append(append(e.dst, '"'), key...), '"', ':')
}

// key returns the key of a child.
func (e *encoder) key(c stanza.Child) *key {
	k := tables[e.s.Kind].find(c.Space, c.Local)
	if k != nil && k.name == "error" && e.s.Type != "error" {
		return nil
	}
	return k
}

func (e *encoder) children() {
	children := e.s.Children()
	var space [16]bool
	e.inXML = space[:0]
	for range children {
		e.inXML = append(e.inXML, false)
	}
	var seen [32]*key
	known := seen[:0]
next:
	for i, c := range children {
		k := e.key(c)
		switch {
		case e.hidden != "" && c.Space == e.hidden:
			continue
		case k == nil:
			e.toXML(i)
			continue
		}
		if len(e.omit) > 0 && slices.Contains(e.omit, k.name) {
			continue
		}
		for _, other := range known {
			if other == k {
				continue next // elements encodes it
			}
		}
		known = append(known, k)
		if e.byLanguage && (k.name == "body" || k.name == "subject") {
			if chosen := e.inLanguage(k.name); chosen != i {
				e.chosen(k, chosen)
				continue
			}
		}
		e.elements(k, i)
	}
	if !e.any {
		return
	}
	e.begin("xml")
	e.dst = append(e.dst, '"')
	for i, c := range children {
		if e.inXML[i] {
			e.dst = appendEscaped(e.dst, e.s.Standalone(c))
		}
	}
	e.dst = append(e.dst, '"')
}

func (e *encoder) toXML(i int) { e.inXML[i], e.any = true, true }

// elements encodes the elements of one key, of which the child i is the first.
// Elements that the key does not cover completely are also in xml.
func (e *encoder) elements(k *key, i int) {
	children := e.s.Children()
	c := children[i]
	back := len(e.dst)
	if e.plain(k, c) {
		if !e.hasMore(k, i) {
			return
		}
		e.dst = e.dst[:back]
	}
	type item struct {
		child    int
		from, to int
		full     bool
	}
	var items []item
	e.begin(k.name)
	if k.repeated {
		e.dst = append(e.dst, '[')
	}
	spare := []byte(nil) // for elements that the key does not cover
	for j := i; j < len(children); j++ {
		if j > i && e.key(children[j]) != k {
			continue
		}
		n := e.s.Element(children[j])
		if len(items) > 0 && !k.repeated {
			e.toXML(j)
			var ok bool
			// Any JSON may be equal with other white space.
			if spare, _, ok = k.shape.encode(spare[:0], n, e.at.down()); ok &&
				(k.name == "payload" || bytes.Equal(spare, e.dst[items[0].from:items[0].to])) {
				e.toXML(items[0].child)
			}
			continue
		}
		mark := len(e.dst)
		if len(items) > 0 {
			e.dst = append(e.dst, ',')
		}
		from := len(e.dst)
		var full, ok bool
		e.dst, full, ok = k.shape.encode(e.dst, n, e.at.down())
		if !full || !ok {
			e.toXML(j)
		}
		if !ok {
			e.dst = e.dst[:mark]
			if !k.repeated {
				break // the rest is handled below
			}
			continue
		}
		items = append(items, item{j, from, len(e.dst), full})
	}
	if len(items) == 0 {
		e.dst = e.dst[:back]
		for j := i; j < len(children); j++ {
			if e.key(children[j]) == k {
				e.toXML(j)
			}
		}
		return
	}
	// Decode leaves out a key's value that an element in xml has too. So an equal
	// value of another element must be in xml as well.
	if k.repeated {
		partial := map[string]bool{}
		for _, i := range items {
			if !i.full {
				partial[string(e.dst[i.from:i.to])] = true
			}
		}
		for _, i := range items {
			if i.full && partial[string(e.dst[i.from:i.to])] {
				e.toXML(i.child)
			}
		}
		e.dst = append(e.dst, ']')
	}
	e.aliases(k, items[0].child)
}

// hasMore reports whether a key has more elements after the child i.
func (e *encoder) hasMore(k *key, i int) bool {
	for _, c := range e.s.Children()[i+1:] {
		if e.key(c) == k {
			return true
		}
	}
	return false
}

// aliases adds the keys that repeat the value of k.
func (e *encoder) aliases(k *key, child int) {
	keys := keysOf(e.s.Kind)
	for i := range keys {
		a := &keys[i]
		if a.alias != k.name || a.input {
			continue
		}
		back := len(e.dst)
		e.begin(a.name)
		n := e.s.Element(e.s.Children()[child])
		var ok bool
		if e.dst, _, ok = a.shape.encode(e.dst, n, e.at.down()); !ok {
			e.dst = e.dst[:back]
		}
	}
}
