package conformance

import (
	"cmp"
	"encoding/xml"
	"io"
	"slices"
	"strings"
)

// node is an element, with its namespaces resolved.
type node struct {
	name  xml.Name
	attrs map[xml.Name]string
	text  string
	kids  []*node
}

// SameXML reports whether two documents say the same, whatever their prefixes
// and the order of attributes. "*" is any text or value of an attribute.
func SameXML(want, got string) bool {
	w, g := read(want), read(got)
	return w != nil && g != nil && w.matches(g)
}

// Contains reports whether got has the kind, the type and the child elements of
// want, in any order, and perhaps others: servers add some on the way.
func Contains(want, got string) bool {
	w, g := read(want), read(got)
	w.sort()
	g.sort()
	if w == nil || g == nil || w.name.Local != g.name.Local || w.attrs[xml.Name{Local: "type"}] != g.attrs[xml.Name{Local: "type"}] {
		return false
	}
	return !slices.ContainsFunc(w.kids, func(kid *node) bool { return !slices.ContainsFunc(g.kids, kid.matches) })
}

// sort brings the elements in each element into an order of their own; those of
// one name keep theirs.
func (n *node) sort() {
	if n == nil {
		return
	}
	for _, kid := range n.kids {
		kid.sort()
	}
	slices.SortStableFunc(n.kids, func(a, b *node) int {
		return cmp.Or(cmp.Compare(a.name.Space, b.name.Space), cmp.Compare(a.name.Local, b.name.Local))
	})
}

func (n *node) matches(o *node) bool {
	if n.name != o.name || n.text != "*" && n.text != o.text || len(n.attrs) != len(o.attrs) || len(n.kids) != len(o.kids) {
		return false
	}
	for name, value := range n.attrs {
		if is, ok := o.attrs[name]; !ok || value != "*" && value != is {
			return false
		}
	}
	for i := range n.kids {
		if !n.kids[i].matches(o.kids[i]) {
			return false
		}
	}
	return true
}

// read returns nil for what is not one well-formed element.
func read(text string) *node {
	d := xml.NewDecoder(strings.NewReader(text))
	var root *node
	var open []*node
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root
		}
		if err != nil {
			return nil
		}
		switch t := token.(type) {
		case xml.StartElement:
			n := &node{name: t.Name, attrs: map[xml.Name]string{}}
			if n.name.Space == "jabber:client" {
				n.name.Space = ""
			}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					n.attrs[a.Name] = a.Value
				}
			}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.kids = append(parent.kids, n)
			case root != nil:
				return nil
			default:
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		}
	}
}
