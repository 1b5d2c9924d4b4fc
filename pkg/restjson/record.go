package restjson

import (
	"encoding/json"
	"errors"
	"strings"

	"stanzahook/pkg/stanza"
)

// record is an element with several values: a JSON object.
type record struct {
	fields []field
	plain  string // a JSON string is this field alone
	row    string // a JSON array is this field alone
	yes    bool   // true is the empty object
	title  string // its name inside others in the documentation
	terse  bool   // without content it is written as its plain field, or true
}

// field is one value of a record: an attribute, the text, or in child elements.
type field struct {
	key   string
	place place
	value scalar
	multi many
	// input fields are only read; another field writes the value.
	input bool
	// always writes the field even if it is empty.
	always bool
}

type place uint8

const (
	inAttr  place = iota + 1 // @
	inText                   // #
	inChild                  // in child elements, see multi
)

func at(key string, s scalar) field         { return field{key: key, place: inAttr, value: s} }
func inside(key string, s scalar) field     { return field{key: key, place: inText, value: s} }
func children(key string, m many) field     { return field{key: key, place: inChild, multi: m} }
func texts(key string) field                { return children(key, one{"", key, content{str}}) }
func (r record) titled(title string) record { r.title = title; return r }
func (f field) asInput() field              { f.input = true; return f }
func (f field) evenEmpty() field            { f.always = true; return f }
func fieldsOf(fields ...field) record       { return record{fields: fields} }

func (r record) encode(dst []byte, n *stanza.Element, at level) (out []byte, full, ok bool) {
	full = true
	if r.terse && len(n.Children) == 0 {
		full = n.Blank()
		if value, ok := n.Attr(r.plain); ok {
			return appendString(dst, value), full && len(n.Attrs) == 1, true
		}
		return append(dst, "true"...), full && len(n.Attrs) == 0, true
	}
	start := len(dst)
	dst = append(dst, '{')
	attrs, kids, text := 0, 0, false
	for i := range r.fields {
		f := &r.fields[i]
		if f.input {
			continue
		}
		back := len(dst)
		dst = appendMember(dst, f.key)
		value := len(dst)
		var said, found bool
		used := 0
		switch f.place {
		case inAttr:
			var v string
			if v, found = n.Attr(f.key); found {
				dst, said, found = f.value.encode(dst, v)
			}
			if found {
				attrs++
			}
		case inText:
			if n.Text != "" {
				dst, said, found = f.value.encode(dst, n.Text)
				text = found
			}
		case inChild:
			dst, used, said, found = f.multi.encodeAll(dst, n, at)
			found = found && (used > 0 || f.always)
			if found {
				kids += used
			}
		}
		if !found {
			dst = dst[:back]
			continue
		}
		full = full && said
		if r.row == f.key && used > 0 { // the array alone
			row := append([]byte(nil), dst[value:]...)
			return append(dst[:start], row...), full && used == len(n.Children) && len(n.Attrs) == 0 && n.Blank(), true
		}
	}
	full = full && attrs == len(n.Attrs) && kids == len(n.Children)
	if text {
		full = full && len(n.Children) == 0
	} else {
		full = full && n.Blank()
	}
	return append(dst, '}'), full, true
}

func (r record) decode(e *builder, v json.RawMessage, at level) error {
	var members []member
	switch {
	case r.plain != "" && v[0] == '"':
		members = []member{{r.plain, v}}
	case r.row != "" && v[0] == '[':
		f := r.field(r.row)
		return f.multi.decodeAll(e, v, nil, at)
	case r.yes && string(v) == "true":
	case r.yes && string(v) == "false":
		return errAbsent
	default:
		var err error
		if members, err = r.members(v); err != nil {
			return err
		}
	}
	return r.decodeMembers(e, members, at)
}

func (r record) members(v json.RawMessage) ([]member, error) {
	members, err := object(v)
	if errors.Is(err, ErrNotObject) {
		return nil, wrong("", "an object with %s is expected", words(r.keys()))
	}
	return members, err
}

func (r record) decodeMembers(e *builder, members []member, at level) error {
	for _, m := range members {
		f := r.field(m.key)
		if f == nil {
			return wrong(keyName(m.key), "unknown key; known are %s", strings.Join(r.keys(), ", "))
		}
		if err := f.decode(e, m.value, members, at); err != nil {
			return within(m.key, err)
		}
	}
	return nil
}

func (f *field) decode(e *builder, v json.RawMessage, beside []member, at level) error {
	if f.place == inChild {
		return f.multi.decodeAll(e, v, beside, at)
	}
	text, err := f.value.decode(v)
	if err != nil {
		return err
	}
	if f.place == inAttr {
		e.attr(f.key, text)
	} else {
		e.text(text)
	}
	return nil
}

func (r record) field(key string) *field {
	for i := range r.fields {
		if r.fields[i].key == key {
			return &r.fields[i]
		}
	}
	return nil
}

func (r record) keys() []string {
	keys := make([]string, len(r.fields))
	for i := range r.fields {
		keys[i] = r.fields[i].key
	}
	return keys
}

// doc lists the fields: @ is an attribute, # the text, <x> a child element
// whose name is not the key.
func (r record) doc() string {
	var b strings.Builder
	if r.yes {
		b.WriteString("true, ")
	}
	if r.plain != "" {
		b.WriteString("string (" + r.plain + "), ")
	}
	if r.row != "" {
		b.WriteString(r.field(r.row).multi.doc() + ", ")
	}
	b.WriteString("object {")
	for i := range r.fields {
		f := &r.fields[i]
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.key)
		b.WriteString(f.doc())
	}
	return b.String() + "}"
}

func (f *field) doc() string {
	var s string
	switch f.place {
	case inAttr:
		s = " @"
	case inText:
		s = " #"
	}
	doc := f.value.doc()
	if f.place == inChild {
		doc = f.multi.doc()
	}
	if f.input {
		doc += " (to write)"
	}
	if doc != "string" {
		s += " " + doc
	}
	return s
}
