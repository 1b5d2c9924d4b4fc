package form

import (
	"bytes"
	"encoding/json"
	"strings"

	"stanzahook/pkg/stanza"
)

// Parse is Decode of a form that is as it may be; the error, a [Problem], names the key.
func Parse(text []byte) (*Form, error) {
	f, wrong := Decode(text)
	if len(wrong) == 0 {
		wrong = f.Check()
	}
	if len(wrong) > 0 {
		return nil, wrong[0]
	}
	return f, nil
}

// Decode reads a form that is written as JSON: {"title","instructions","fields":[{"name","type",
// "label","desc","options","required","value","min","max","integer"}],"more"}. The problems are
// those of its keys and their types; [Form.Check] has the others.
func Decode(text []byte) (*Form, []Problem) {
	r, f := &reader{}, &Form{}
	r.object("", text,
		keyed{"title", r.line(&f.Title)},
		keyed{"instructions", r.line(&f.Instructions)},
		keyed{"fields", func(path string, raw json.RawMessage) {
			r.list(path, raw, func(i int, at string, value json.RawMessage) {
				if i < MaxFields+1 { // one more is too many already
					f.Fields = append(f.Fields, r.field(at, value))
				}
			})
		}},
		keyed{"more", r.yes(&f.More)},
	)
	if len(r.wrong) > 0 {
		return nil, r.wrong
	}
	return f, nil
}

func (r *reader) field(path string, raw json.RawMessage) (x Field) {
	var kind string
	r.object(path, raw,
		keyed{"name", r.line(&x.Name)},
		keyed{"type", r.line(&kind)},
		keyed{"label", r.line(&x.Label)},
		keyed{"desc", r.line(&x.Desc)},
		keyed{"options", func(path string, raw json.RawMessage) { x.Options = r.options(path, raw) }},
		keyed{"required", r.yes(&x.Required)},
		keyed{"value", func(path string, raw json.RawMessage) { x.Value = r.texts(path, raw) }},
		keyed{"min", r.number(&x.Min)},
		keyed{"max", r.number(&x.Max)},
		keyed{"integer", r.yes(&x.Integer)},
	)
	x.Type = Type(kind)
	return x
}

// options reads {value: label}, in their order, or an array of values.
func (r *reader) options(path string, raw json.RawMessage) (all []Option) {
	if raw[0] == '[' {
		for _, v := range r.texts(path, raw) {
			all = append(all, Option{Value: v})
		}
		return all
	}
	if raw[0] != '{' {
		r.problem(path, "an object of values and labels, or an array of values, is expected, not %s", kindOf(raw))
		return nil
	}
	r.members(path, raw, func(name, at string, value json.RawMessage) {
		o := Option{Value: name}
		if string(value) != "null" {
			o.Label = r.text(at, value)
		}
		all = append(all, o)
	})
	return all
}

// ParseResult reads a result that is written as JSON: {"title","instructions","fields":{name: value}}, or
// {"columns":[name or {"name","label"}],"rows":[[value] or {name: value}]}. The error, a [Problem], names
// the key.
func ParseResult(text []byte) (*Result, error) {
	r, x := &reader{}, &Result{}
	var rows []json.RawMessage
	r.object("", text,
		keyed{"title", r.line(&x.Title)},
		keyed{"instructions", r.line(&x.Instructions)},
		keyed{"fields", func(path string, raw json.RawMessage) {
			r.members(path, raw, func(name, at string, value json.RawMessage) {
				x.Fields = append(x.Fields, Entry{name, r.texts(at, value)})
			})
		}},
		keyed{"columns", func(path string, raw json.RawMessage) {
			r.list(path, raw, func(_ int, at string, value json.RawMessage) { x.Columns = append(x.Columns, r.column(at, value)) })
		}},
		keyed{"rows", func(path string, raw json.RawMessage) {
			r.list(path, raw, func(_ int, _ string, value json.RawMessage) { rows = append(rows, value) })
		}},
	)
	x.Title, x.Instructions = stanza.Clean(x.Title), stanza.Clean(x.Instructions)
	r.rows(x, rows)
	if len(r.wrong) == 0 && x.Title == "" && x.Instructions == "" && len(x.Fields) == 0 && len(x.Columns) == 0 {
		r.problem("fields", "are missing; write {name: value}, or columns and rows")
	}
	return x, r.err()
}

// column reads a name, or {"name","label"}.
func (r *reader) column(path string, raw json.RawMessage) (c Column) {
	if raw[0] == '{' {
		r.object(path, raw, keyed{"name", r.line(&c.Name)}, keyed{"label", r.line(&c.Label)})
		return Column{stanza.Clean(c.Name), stanza.Clean(c.Label)}
	}
	c.Name = r.text(path, raw)
	return c
}

// rows reads the rows of a table by its columns.
func (r *reader) rows(x *Result, all []json.RawMessage) {
	places := make(map[string]int)
	for i, c := range x.Columns {
		if _, twice := places[c.Name]; twice || c.Name == "" {
			r.problem(at("columns", i), "has no name, or that of another column")
		}
		places[c.Name] = i
	}
	if len(all) > 0 && len(x.Columns) == 0 {
		r.problem("rows", "need columns; write their names")
	}
	if len(r.wrong) > 0 {
		return
	}
	for i, raw := range all {
		x.Rows = append(x.Rows, r.row(at("rows", i), raw, places))
	}
}

// row reads a row: values in the order of the columns, or by their names.
func (r *reader) row(path string, raw json.RawMessage, places map[string]int) []string {
	row := make([]string, len(places))
	put := func(i int, at string, value json.RawMessage) { row[i] = strings.Join(r.texts(at, value), ", ") }
	switch {
	case bytes.HasPrefix(raw, []byte{'{'}):
		r.members(path, raw, func(name, at string, value json.RawMessage) {
			if i, known := places[name]; known {
				put(i, at, value)
			} else {
				r.problem(at, "is no column")
			}
		})
	case bytes.HasPrefix(raw, []byte{'['}):
		n := 0
		r.list(path, raw, func(i int, at string, value json.RawMessage) {
			if n++; i < len(row) {
				put(i, at, value)
			}
		})
		if n != len(row) {
			r.problem(path, "has %d values for %d columns", n, len(row))
		}
	default:
		r.problem(path, "an array or an object of values is expected, not %s", kindOf(raw))
	}
	return row
}
