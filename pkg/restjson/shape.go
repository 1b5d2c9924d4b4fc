package restjson

import (
	"encoding/json"
	"errors"

	"stanzahook/pkg/stanza"
)

// maxForwarded is how deep forwarded messages may nest.
const maxForwarded = 8

// shape is the JSON form of an element.
type shape interface {
	// encode appends the JSON of an element. full means that the JSON has all of the
	// element; ok means that the element has this form, so that decode accepts the
	// JSON.
	encode(dst []byte, n *stanza.Element, at level) (out []byte, full, ok bool)
	// decode writes attributes and content. errAbsent means that there is no
	// element.
	decode(e *builder, v json.RawMessage, at level) error
	doc() string
}

// level is the depth in a stanza, and in forwarded messages.
type level struct{ depth, forwarded int }

func (l level) down() level { return level{l.depth + 1, l.forwarded} }

// errAbsent is the result of false for an element that is true.
var errAbsent = errors.New("no element")

// content is an element whose text is the value.
type content struct{ scalar }

func (c content) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	dst, full, ok := c.scalar.encode(dst, n.Text)
	return dst, full && len(n.Attrs) == 0 && len(n.Children) == 0, ok
}

func (c content) decode(e *builder, v json.RawMessage, _ level) error {
	text, err := c.scalar.decode(v)
	e.text(text)
	return err
}

// attribute is an element with the value in one attribute.
type attribute struct {
	name string
	scalar
}

func (a attribute) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	value, ok := n.Attr(a.name)
	if !ok {
		return dst, false, false
	}
	dst, full, ok := a.scalar.encode(dst, value)
	return dst, full && len(n.Attrs) == 1 && len(n.Children) == 0 && n.Blank(), ok
}

func (a attribute) decode(e *builder, v json.RawMessage, _ level) error {
	text, err := a.scalar.decode(v)
	e.attr(a.name, text)
	return err
}

// flag is an element without content, which is there or not.
type flag struct{}

func (flag) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	return append(dst, "true"...), len(n.Attrs) == 0 && len(n.Children) == 0 && n.Blank(), true
}

func (flag) decode(_ *builder, v json.RawMessage, _ level) error {
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

func (s named) encode(dst []byte, n *stanza.Element, _ level) ([]byte, bool, bool) {
	return appendString(dst, n.Local), len(n.Attrs) == 0 && len(n.Children) == 0 && n.Blank(), true
}

func (s named) decode(e *builder, v json.RawMessage, _ level) (err error) {
	e.local, err = s.scalar.decode(v)
	return err
}

// items is an element that has only a row of others: a JSON array.
type items struct{ row }

func (s items) encode(dst []byte, n *stanza.Element, at level) ([]byte, bool, bool) {
	dst, used, full, ok := s.row.encodeAll(dst, n, at)
	return dst, full && used == len(n.Children) && len(n.Attrs) == 0 && n.Blank(), ok
}

func (s items) decode(e *builder, v json.RawMessage, at level) error {
	return s.row.decodeAll(e, v, nil, at)
}

func (s items) doc() string { return s.row.doc() }
