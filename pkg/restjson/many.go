package restjson

import (
	"encoding/json"

	"stanzahook/pkg/stanza"
)

// many is the JSON form of several children of an element.
type many interface {
	// encodeAll appends the JSON of the children it knows. used is how many they
	// are; full means that the JSON has everything in them.
	encodeAll(dst []byte, parent *stanza.Element, at level) (out []byte, used int, full, ok bool)
	// decodeAll writes the children. beside has all members of their object.
	decodeAll(parent *builder, v json.RawMessage, beside []member, at level) error
	doc() string
}

// one is a single child element; further ones are not mapped.
type one struct {
	space, local string // an empty space is that of the parent
	shape        shape
}

func (c one) in(parent string) string {
	if c.space != "" {
		return c.space
	}
	return parent
}

func (c one) encodeAll(dst []byte, parent *stanza.Element, at level) ([]byte, int, bool, bool) {
	n := parent.Child(c.in(parent.Space), c.local)
	if n == nil {
		return dst, 0, false, false
	}
	dst, full, ok := c.shape.encode(dst, n, at.down())
	return dst, 1, full, ok
}

func (c one) decodeAll(parent *builder, v json.RawMessage, _ []member, at level) error {
	e := &builder{local: c.local}
	switch err := c.shape.decode(e, v, at.down()); {
	case err == errAbsent:
		return nil
	case err != nil:
		return err
	}
	parent.child(c.space, e)
	return nil
}

func (c one) doc() string {
	if r, ok := c.shape.(record); ok && r.title != "" {
		return r.title
	}
	return c.shape.doc()
}

// row is a child element that may appear several times: a JSON array.
type row struct{ one }

func list(local string, s shape) row { return row{one{"", local, s}} }

func (c row) encodeAll(dst []byte, parent *stanza.Element, at level) (out []byte, used int, full, ok bool) {
	dst, full = append(dst, '['), true
	for i := range parent.Children {
		n := &parent.Children[i]
		if n.Local != c.local || n.Space != c.in(parent.Space) {
			continue
		}
		if used > 0 {
			dst = append(dst, ',')
		}
		var all bool
		if dst, all, ok = c.shape.encode(dst, n, at.down()); !ok {
			return dst, used, false, false
		}
		full = full && all
		used++
	}
	return append(dst, ']'), used, full, true
}

func (c row) decodeAll(parent *builder, v json.RawMessage, beside []member, at level) error {
	values, err := array(v)
	if err != nil {
		return err
	}
	for i, value := range values {
		if err := c.one.decodeAll(parent, value, beside, at); err != nil {
			return within(index(i), err)
		}
	}
	return nil
}

func (c row) doc() string { return "[" + c.shape.doc() + "]" }
