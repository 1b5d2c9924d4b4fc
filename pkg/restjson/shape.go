package restjson

import (
	"encoding/json"
	"errors"
)

// maxForwarded is how many forwarded messages may be inside of one another.
const maxForwarded = 8

// shape is the JSON form of an element.
type shape interface {
	// encode appends the JSON of an element; full says that all of the element
	// is in it, and ok that it has this form at all. What is ok, decode takes.
	encode(dst []byte, n *node, at level) (out []byte, full, ok bool)
	// decode writes attributes and content. errAbsent means: no element.
	decode(e *element, v json.RawMessage, at level) error
	doc() string
}

// level is where in a stanza, and in how many forwarded messages, we are.
type level struct{ depth, forwarded int }

func (l level) down() level { return level{l.depth + 1, l.forwarded} }

// errAbsent is the meaning of false where an element is true.
var errAbsent = errors.New("no element")

// content is an element that has its value as its text.
type content struct{ scalar }

func (c content) encode(dst []byte, n *node, _ level) ([]byte, bool, bool) {
	dst, full, ok := c.scalar.encode(dst, n.text)
	return dst, full && len(n.attrs) == 0 && len(n.kids) == 0, ok
}

func (c content) decode(e *element, v json.RawMessage, _ level) error {
	text, err := c.scalar.decode(v)
	e.text(text)
	return err
}

// attribute is an element that has its value in one attribute.
type attribute struct {
	name string
	scalar
}

func (a attribute) encode(dst []byte, n *node, _ level) ([]byte, bool, bool) {
	value, ok := n.attr(a.name)
	if !ok {
		return dst, false, false
	}
	dst, full, ok := a.scalar.encode(dst, value)
	return dst, full && len(n.attrs) == 1 && len(n.kids) == 0 && n.blank(), ok
}

func (a attribute) decode(e *element, v json.RawMessage, _ level) error {
	text, err := a.scalar.decode(v)
	e.attr(a.name, text)
	return err
}

// flag is an element that is there or not.
type flag struct{}

func (flag) encode(dst []byte, n *node, _ level) ([]byte, bool, bool) {
	return append(dst, "true"...), len(n.attrs) == 0 && len(n.kids) == 0 && n.blank(), true
}

func (flag) decode(_ *element, v json.RawMessage, _ level) error {
	switch string(v) {
	case "true":
		return nil
	case "false":
		return errAbsent
	}
	return wrong("", "true is expected, or leave the key out")
}

func (flag) doc() string { return "true" }

// named is an element whose name is the value.
type named struct{ scalar }

func (s named) encode(dst []byte, n *node, _ level) ([]byte, bool, bool) {
	return appendString(dst, n.local), len(n.attrs) == 0 && len(n.kids) == 0 && n.blank(), true
}

func (s named) decode(e *element, v json.RawMessage, _ level) (err error) {
	e.local, err = s.scalar.decode(v)
	return err
}

// items is an element with a row of others in it: a JSON array.
type items struct{ row }

func (s items) encode(dst []byte, n *node, at level) ([]byte, bool, bool) {
	dst, used, full, ok := s.row.encodeAll(dst, n, at)
	return dst, full && used == len(n.kids) && len(n.attrs) == 0 && n.blank(), ok
}

func (s items) decode(e *element, v json.RawMessage, at level) error {
	return s.row.decodeAll(e, v, nil, at)
}

func (s items) doc() string { return s.row.doc() }
