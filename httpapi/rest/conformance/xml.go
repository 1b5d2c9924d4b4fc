package conformance

import (
	"cmp"
	"slices"
	"strings"

	"stanzahook/pkg/stanza"
)

// SameXML reports whether two documents are the same, whatever their prefixes and
// the order of attributes. "*" is any text or value of an attribute.
func SameXML(want, got string) bool {
	w, g := read(want), read(got)
	return w != nil && g != nil && sameElement(w, g)
}

// Contains reports whether got has the kind, the type and the child elements of
// want, in any order, and perhaps others: servers add some on the way.
func Contains(want, got string) bool {
	w, g := read(want), read(got)
	if w == nil || g == nil || w.Local != g.Local {
		return false
	}
	sortChildren(w)
	sortChildren(g)
	wantType, wantHas := w.Attr("type")
	gotType, gotHas := g.Attr("type")
	if wantType != gotType || wantHas != gotHas {
		return false
	}
	for i := range w.Children {
		if !slices.ContainsFunc(g.Children, func(e stanza.Element) bool { return sameElement(&w.Children[i], &e) }) {
			return false
		}
	}
	return true
}

// sortChildren sorts the children of all elements by name. Children of one name keep
// their order.
func sortChildren(e *stanza.Element) {
	for i := range e.Children {
		sortChildren(&e.Children[i])
	}
	slices.SortStableFunc(e.Children, func(a, b stanza.Element) int {
		return cmp.Or(cmp.Compare(space(&a), space(&b)), cmp.Compare(a.Local, b.Local))
	})
}

// space returns the namespace; empty for that of stanzas.
func space(e *stanza.Element) string { return strings.TrimPrefix(e.Space, stanza.NSClient) }

func sameElement(w, g *stanza.Element) bool {
	if space(w) != space(g) || w.Local != g.Local || w.Text != "*" && w.Text != g.Text || len(w.Attrs) != len(g.Attrs) || len(w.Children) != len(g.Children) {
		return false
	}
	for _, a := range w.Attrs {
		if !slices.ContainsFunc(g.Attrs, func(b stanza.Attr) bool {
			return a.Space == b.Space && a.Local == b.Local && (a.Value == "*" || a.Value == b.Value)
		}) {
			return false
		}
	}
	for i := range w.Children {
		if !sameElement(&w.Children[i], &g.Children[i]) {
			return false
		}
	}
	return true
}

// read returns nil for what is not one well-formed element.
func read(text string) *stanza.Element {
	e, err := stanza.ParseElement(strings.TrimSpace(text), stanza.Limits{MaxBytes: len(text) + 1})
	if err != nil {
		return nil
	}
	return e
}
