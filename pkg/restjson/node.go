package restjson

import (
	"slices"
	"strings"

	"stanzahook/pkg/stanza"
)

const nsXML = "http://www.w3.org/XML/1998/namespace"

// node is an element of a stanza, taken apart. It is read from XML that
// stanza.Parse has checked.
type node struct {
	space, local string // the space is empty for the stanza's own namespace
	attrs        []attr // without namespace declarations
	kids         []node
	text         string // the character data directly inside
	raw          string // the element as it stands
	prefixed     bool
	xmlnsFrom    int // where raw declares the default namespace
	xmlnsTo      int
}

type attr struct{ space, local, value string }

// attr returns the value of an attribute without a namespace.
func (n *node) attr(local string) (string, bool) {
	for i := range n.attrs {
		if a := &n.attrs[i]; a.local == local && a.space == "" {
			return a.value, true
		}
	}
	return "", false
}

// child returns the first child element of that name.
func (n *node) child(space, local string) *node {
	for i := range n.kids {
		if k := &n.kids[i]; k.local == local && k.space == space {
			return k
		}
	}
	return nil
}

// blank reports whether there is no text but white space, which stands for
// nothing in an element that has no text by its schema.
func (n *node) blank() bool { return strings.Trim(n.text, " \t\r\n") == "" }

type binding struct{ prefix, uri string }

// tree reads an element and what is inside.
type tree struct {
	s     string
	i     int
	root  string // the stanza, whose start tag may declare prefixes
	bind  []binding
	outer []binding // what the element takes from the stanza's start tag
}

// parse reads a direct child of the stanza root.
func (t *tree) parse(raw, root string) node {
	*t = tree{s: raw, root: root, bind: t.bind[:0], outer: t.outer[:0]}
	return t.element(true)
}

// alone returns the element just parsed such that it can stand in another
// stanza: with the declarations it has from the one it is in.
func (t *tree) alone(n *node) string {
	if len(t.outer) == 0 {
		return n.raw
	}
	i := 1 + strings.IndexAny(n.raw[1:], " \t\r\n/>")
	b := append(make([]byte, 0, len(n.raw)+64), n.raw[:i]...)
	for _, o := range t.outer {
		b = stanza.AppendAttr(b, "xmlns:"+o.prefix, o.uri)
	}
	return string(append(b, n.raw[i:]...))
}

func (t *tree) element(top bool) node {
	from, mark := t.i, len(t.bind)
	t.i++
	name := t.name()
	n := node{}
	closed := t.attributes(&n, from, top)
	prefix, local := split(name)
	n.prefixed = prefix != ""
	n.space, n.local = t.resolve(prefix), local
	for i := range n.attrs {
		if a := &n.attrs[i]; a.space != "" {
			a.space = t.resolve(a.space)
		}
	}
	var pieces []byte // the text, as soon as it is in several
	for !closed && t.i < len(t.s) {
		switch {
		case t.s[t.i] != '<':
			end := strings.IndexByte(t.s[t.i:], '<')
			if end < 0 {
				end = len(t.s) - t.i
			}
			pieces = n.addText(pieces, unescape(t.s[t.i:t.i+end], false))
			t.i += end
		case strings.HasPrefix(t.s[t.i:], "<![CDATA["):
			text := t.s[t.i+len("<![CDATA["):]
			end := max(strings.Index(text, "]]>"), 0)
			pieces = n.addText(pieces, newlines(text[:end]))
			t.i += len("<![CDATA[") + end + len("]]>")
		case strings.HasPrefix(t.s[t.i:], "</"):
			t.i += strings.IndexByte(t.s[t.i:], '>') + 1
			closed = true
		default:
			n.kids = append(n.kids, t.element(false))
		}
	}
	if pieces != nil {
		n.text = string(pieces)
	}
	n.raw = t.s[from:t.i]
	t.bind = t.bind[:mark]
	return n
}

// addText takes up one more piece of an element's text. Most elements have one piece
// only, which needs no copy.
func (n *node) addText(pieces []byte, text string) []byte {
	switch {
	case pieces != nil:
		return append(pieces, text...)
	case n.text == "":
		n.text = text
		return nil
	}
	return append([]byte(n.text), text...)
}

func (t *tree) name() string {
	from := t.i
	for t.i < len(t.s) && strings.IndexByte(" \t\r\n=/>", t.s[t.i]) < 0 {
		t.i++
	}
	return t.s[from:t.i]
}

func (t *tree) space() {
	for t.i < len(t.s) && strings.IndexByte(" \t\r\n", t.s[t.i]) >= 0 {
		t.i++
	}
}

// attributes reads up to the end of the start tag and reports whether the
// element ends there too.
func (t *tree) attributes(n *node, from int, top bool) (closed bool) {
	for t.i < len(t.s) {
		start := t.i
		t.space()
		switch t.s[t.i] {
		case '>':
			t.i++
			return false
		case '/':
			t.i += 2
			return true
		}
		name, value := t.attribute()
		prefix, local := split(name)
		switch {
		case name == "xmlns":
			if top && own(value) {
				value = "" // as stanza.Child has it
			}
			n.xmlnsFrom, n.xmlnsTo = start-from, t.i-from
			t.bind = append(t.bind, binding{"", value})
		case prefix == "xmlns":
			t.bind = append(t.bind, binding{local, value})
		default:
			n.attrs = append(n.attrs, attr{prefix, local, value}) // the prefix is resolved later
		}
	}
	return true
}

func (t *tree) attribute() (name, value string) {
	name = t.name()
	t.i += strings.IndexByte(t.s[t.i:], '=') + 1
	t.space()
	quote := t.s[t.i]
	t.i++
	end := strings.IndexByte(t.s[t.i:], quote)
	value = unescape(t.s[t.i:t.i+end], true)
	t.i += end + 1
	return name, value
}

// own reports whether uri is a namespace that stanzas live in.
func own(uri string) bool {
	return uri == "" || uri == stanza.NSClient || uri == stanza.NSComponent
}

func (t *tree) resolve(prefix string) string {
	if prefix == "xml" {
		return nsXML
	}
	for i := len(t.bind) - 1; i >= 0; i-- {
		if t.bind[i].prefix == prefix {
			return t.bind[i].uri
		}
	}
	if prefix == "" {
		return ""
	}
	for _, o := range t.outer {
		if o.prefix == prefix {
			return o.uri
		}
	}
	uri := declared(t.root, prefix)
	t.outer = append(t.outer, binding{prefix, uri})
	return uri
}

// declared returns what the start tag of a stanza binds a prefix to.
func declared(root, prefix string) string {
	t := tree{s: root, i: 1}
	t.name()
	t.attributes(&node{}, 0, true)
	i := slices.IndexFunc(t.bind, func(b binding) bool { return b.prefix == prefix })
	if i < 0 {
		return "" // not for XML that has been checked
	}
	return t.bind[i].uri
}

func split(name string) (prefix, local string) {
	if i := strings.IndexByte(name, ':'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// prefixes reports whether there is a prefix in the names of checked XML. If
// not, it has all its namespaces from itself, or is in that of the stanza.
func prefixes(xml string) bool {
	for i := 0; i < len(xml); i++ {
		lt := strings.IndexByte(xml[i:], '<')
		if lt < 0 {
			return false
		}
		for i += lt; i < len(xml) && xml[i] != '>'; i++ {
			switch c := xml[i]; c {
			case ':', '!': // a CDATA section may hold anything
				return true
			case '\'', '"':
				i += 1 + strings.IndexByte(xml[i+1:], c)
			}
		}
	}
	return false
}
