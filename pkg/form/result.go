package form

import (
	"strings"

	"stanzahook/pkg/stanza"
)

// Result tells what came of something: fields with values, or a table.
type Result struct {
	Title, Instructions string
	Fields              []Entry
	Columns             []Column
	Rows                [][]string
}

// Entry is a value of a result.
type Entry struct {
	Name   string
	Values []string
}

// Column is a column of a table.
type Column struct{ Name, Label string }

func (c Column) shown() string {
	if c.Label != "" {
		return c.Label
	}
	return c.Name
}

// XML returns a form of type result (XEP-0004 sections 3.1 and 3.4).
func (r *Result) XML() string {
	b := appendTitle([]byte("<x xmlns='"+NS+"' type='result'>"), r.Title, r.Instructions)
	for _, f := range r.Fields {
		kind := "text-single"
		if len(f.Values) > 1 {
			kind = "text-multi"
		}
		b = stanza.AppendAttr(append(b, "<field"...), "var", f.Name)
		b = append(stanza.AppendAttr(stanza.AppendAttr(b, "type", kind), "label", f.Name), '>')
		for _, v := range f.Values {
			b = append(b, stanza.TextElement("value", v)...)
		}
		b = append(b, "</field>"...)
	}
	if len(r.Columns) > 0 {
		b = append(b, "<reported>"...)
		for _, c := range r.Columns {
			b = stanza.AppendAttr(append(b, "<field"...), "var", c.Name)
			b = append(stanza.AppendAttr(stanza.AppendAttr(b, "type", "text-single"), "label", c.shown()), "/>"...)
		}
		b = append(b, "</reported>"...)
	}
	for _, row := range r.Rows {
		b = append(b, "<item>"...)
		for i, v := range row {
			b = append(stanza.AppendAttr(append(b, "<field"...), "var", r.Columns[i].Name), '>')
			b = append(append(b, stanza.TextElement("value", v)...), "</field>"...)
		}
		b = append(b, "</item>"...)
	}
	return string(append(b, "</x>"...))
}

// Lines returns a result for people who read a chat. A row of a table is a line.
func (r *Result) Lines() string {
	var lines []string
	for _, text := range [...]string{r.Title, r.Instructions} {
		if text != "" {
			lines = append(lines, text)
		}
	}
	for _, f := range r.Fields {
		if len(f.Values) == 1 {
			lines = append(lines, f.Name+": "+f.Values[0])
			continue
		}
		lines = append(lines, f.Name+":")
		for _, v := range f.Values {
			lines = append(lines, "  "+v)
		}
	}
	if len(r.Columns) > 0 {
		head := make([]string, len(r.Columns))
		for i, c := range r.Columns {
			head[i] = c.shown()
		}
		lines = append(lines, strings.Join(head, " | "))
	}
	for _, row := range r.Rows {
		lines = append(lines, strings.Join(row, " | "))
	}
	return strings.Join(lines, "\n")
}
