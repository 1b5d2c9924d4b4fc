package restjson

import "encoding/json"

// many is the JSON form of some child elements of an element.
type many interface {
	// encodeAll appends the JSON of those children it knows and returns how
	// many they are, and whether all of them is said.
	encodeAll(dst []byte, parent *node, at level) (out []byte, used int, full, ok bool)
	// decodeAll writes the children; beside are all members of their object.
	decodeAll(parent *element, v json.RawMessage, beside []member, at level) error
	doc() string
}

// one is a child element that is there once; further ones are not mapped.
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

func (c one) encodeAll(dst []byte, parent *node, at level) ([]byte, int, bool, bool) {
	n := parent.child(c.in(parent.space), c.local)
	if n == nil {
		return dst, 0, false, false
	}
	dst, full, ok := c.shape.encode(dst, n, at.down())
	return dst, 1, full, ok
}

func (c one) decodeAll(parent *element, v json.RawMessage, _ []member, at level) error {
	e := &element{local: c.local}
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

// row is a child element that may be there many times: a JSON array.
type row struct{ one }

func list(local string, s shape) row { return row{one{"", local, s}} }

func (c row) encodeAll(dst []byte, parent *node, at level) (out []byte, used int, full, ok bool) {
	dst, full = append(dst, '['), true
	for i := range parent.kids {
		n := &parent.kids[i]
		if n.local != c.local || n.space != c.in(parent.space) {
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

func (c row) decodeAll(parent *element, v json.RawMessage, beside []member, at level) error {
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
