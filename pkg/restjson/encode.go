package restjson

import (
	"bytes"

	"stanzahook/pkg/stanza"
)

// Append appends the JSON form of a stanza, an object with its braces. It is
// [Encode] without an [Object] in between. The JSON of several members may be
// put behind it by cutting the last byte, which is the closing brace; there is
// always one member at least, kind.
func Append(dst []byte, s *stanza.Stanza) []byte { return encode(dst, s, level{depth: 1}, nil) }

// mark is where the value of a key is in the JSON of a stanza.
type mark struct {
	key      string
	from, to int
}

// encoder makes the JSON of one stanza.
type encoder struct {
	s     *stanza.Stanza
	dst   []byte
	at    level
	tree  tree
	marks *[]mark
	inXML []bool // the children that are in the key xml
	any   bool   // one is

	byLanguage bool // of several bodies and subjects the one in the stanza's language
}

func encode(dst []byte, s *stanza.Stanza, at level, marks *[]mark) []byte {
	e := encoder{s: s, dst: dst, at: at, marks: marks}
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
		e.end()
	}
}

func (e *encoder) begin(key string) {
	if e.dst[len(e.dst)-1] != '{' {
		e.dst = append(e.dst, ',')
	}
	e.dst = append(append(append(e.dst, '"'), key...), '"', ':')
	if e.marks != nil {
		*e.marks = append(*e.marks, mark{key: key, from: len(e.dst)})
	}
}

func (e *encoder) end() {
	if e.marks != nil {
		(*e.marks)[len(*e.marks)-1].to = len(e.dst)
	}
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
		if k == nil {
			e.toXML(i)
			continue
		}
		for _, other := range known {
			if other == k {
				continue next // elements has it
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
			xml := e.s.ChildXML(c)
			if prefixes(xml) {
				n := e.node(c)
				xml = e.tree.alone(&n)
			}
			e.dst = appendEscaped(e.dst, xml)
		}
	}
	e.dst = append(e.dst, '"')
	e.end()
}

func (e *encoder) toXML(i int) { e.inXML[i], e.any = true, true }

// elements encodes the elements of one key, the first of which is the child i.
// What the key does not say of them is in xml.
func (e *encoder) elements(k *key, i int) {
	children := e.s.Children()
	c := children[i]
	back := len(e.dst)
	if e.plain(k, c) {
		if !e.again(k, i) {
			return
		}
		e.undo(back)
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
	spare := []byte(nil) // further elements that the key does not take
	for j := i; j < len(children); j++ {
		if j > i && e.key(children[j]) != k {
			continue
		}
		n := e.node(children[j])
		if len(items) > 0 && !k.repeated {
			e.toXML(j)
			var ok bool
			// Any JSON may be the same with other white space.
			if spare, _, ok = k.shape.encode(spare[:0], &n, e.below()); ok &&
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
		e.dst, full, ok = k.shape.encode(e.dst, &n, e.below())
		if !full || !ok {
			e.toXML(j)
		}
		if !ok {
			e.dst = e.dst[:mark]
			if !k.repeated {
				break // the rest is looked at below
			}
			continue
		}
		items = append(items, item{j, from, len(e.dst), full})
	}
	if len(items) == 0 {
		e.undo(back)
		for j := i; j < len(children); j++ {
			if e.key(children[j]) == k {
				e.toXML(j)
			}
		}
		return
	}
	// An element in xml stands for an equal value of the key. So a value that is
	// there for an element of its own has to be in xml too.
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
	e.end()
	e.aliases(k, items[0].child)
}

func (e *encoder) below() level { return e.at.down() }

func (e *encoder) node(c stanza.Child) node {
	return e.tree.parse(e.s.ChildXML(c), e.s.XML())
}

func (e *encoder) undo(back int) {
	e.dst = e.dst[:back]
	if e.marks != nil {
		*e.marks = (*e.marks)[:len(*e.marks)-1]
	}
}

// again reports whether there are more elements of a key behind the child i.
func (e *encoder) again(k *key, i int) bool {
	for _, c := range e.s.Children()[i+1:] {
		if e.key(c) == k {
			return true
		}
	}
	return false
}

// aliases adds the keys that say again what k says.
func (e *encoder) aliases(k *key, child int) {
	keys := keysOf(e.s.Kind)
	for i := range keys {
		a := &keys[i]
		if a.alias != k.name || a.input {
			continue
		}
		back := len(e.dst)
		e.begin(a.name)
		n := e.node(e.s.Children()[child])
		var ok bool
		if e.dst, _, ok = a.shape.encode(e.dst, &n, e.below()); !ok {
			e.undo(back)
			continue
		}
		e.end()
	}
}
