package form

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Page is a form with the values that were given.
type Page struct {
	Form   *Form
	Values Values
}

// AppendJSON appends the values of some forms as one object, in the order of their fields: a
// boolean is true or false, a number a number, a field of several values an array, and all
// others are strings. Of two fields with one name that of the later form counts.
func AppendJSON(dst []byte, pages []Page) []byte {
	last := make(map[string]int)
	for i, p := range pages {
		for name := range p.Values {
			last[name] = i
		}
	}
	dst = append(dst, '{')
	first := true
	for i, p := range pages {
		for k := range p.Form.Fields {
			x := &p.Form.Fields[k]
			values, has := p.Values[x.Name]
			if !has || last[x.Name] != i || x.Type == Fixed {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendString(dst, x.Name), ':')
			dst = x.appendJSON(dst, values)
		}
	}
	return append(dst, '}')
}

func (x *Field) appendJSON(dst []byte, values []string) []byte {
	switch {
	case x.Type == Boolean:
		if values[0] == "1" {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case x.Type == Number:
		return append(dst, values[0]...)
	case !x.Type.several():
		return appendString(dst, values[0])
	}
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	return append(dst, ']')
}

func appendString(dst []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can be encoded
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// Question returns the lines that ask for one field in a chat.
func (x *Field) Question() string {
	lines := []string{x.Shown() + "?"}
	if x.Desc != "" {
		lines = append(lines, x.Desc)
	}
	switch {
	case x.Type.options():
		for i, o := range x.Options {
			if i == maxChoices {
				lines = append(lines, "…")
				break
			}
			line := "- " + o.Value
			if o.Label != "" && o.Label != o.Value {
				line += ": " + o.Label
			}
			lines = append(lines, line)
		}
		if x.Type == ListMulti {
			lines = append(lines, "(several: with commas between them)")
		}
	case x.Type == Boolean:
		lines[0] += " (yes or no)"
	case x.Type == JIDMulti:
		lines = append(lines, "(several: with commas between them)")
	}
	return strings.Join(lines, "\n")
}

// Answer returns the values that a line of a chat has for a field. An option may be written as
// its label.
func (x *Field) Answer(line string) []string {
	texts := []string{strings.TrimSpace(line)}
	switch x.Type {
	case Text, TextMulti, Private, Hidden:
		return []string{line}
	case ListMulti, JIDMulti:
		texts = nil
		for part := range strings.SplitSeq(line, ",") {
			texts = append(texts, strings.TrimSpace(part))
		}
	}
	for i, text := range texts {
		if !x.Type.options() || x.hasOption(text) {
			continue
		}
		for _, o := range x.Options {
			if strings.EqualFold(o.Value, text) || o.Label != "" && strings.EqualFold(o.Label, text) {
				texts[i] = o.Value
				break
			}
		}
	}
	return texts
}

// Text returns the text of a field that only shows one.
func (x *Field) Text() string {
	if len(x.Value) > 0 {
		return strings.Join(x.Value, "\n")
	}
	return x.Label
}
