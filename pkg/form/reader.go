package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"stanzahook/pkg/stanza"
)

// maxProblems bounds those that one text of JSON can have.
const maxProblems = 20

// reader reads what a program has written as JSON, and notes what is not as it should be by its
// path, as fields[1].options.
type reader struct{ wrong []Problem }

func (r *reader) problem(path, format string, args ...any) {
	if len(r.wrong) < maxProblems {
		r.wrong = append(r.wrong, Problem{path, fmt.Sprintf(format, args...)})
	}
}

// err returns the first problem; nil without one.
func (r *reader) err() error {
	if len(r.wrong) > 0 {
		return r.wrong[0]
	}
	return nil
}

// keyed is what to do with a key of an object.
type keyed struct {
	name string
	read func(path string, raw json.RawMessage)
}

// object reads an object that has some keys and no others; null is none.
func (r *reader) object(path string, raw json.RawMessage, keys ...keyed) {
	r.members(path, raw, func(name, at string, value json.RawMessage) {
		var known []string
		for _, k := range keys {
			if k.name == name {
				if string(value) != "null" {
					k.read(at, value)
				}
				return
			}
			known = append(known, k.name)
		}
		r.problem(at, "unknown key; known here: %s", strings.Join(known, ", "))
	})
}

// members reads the members of any object, in their order.
func (r *reader) members(path string, raw json.RawMessage, each func(name, at string, value json.RawMessage)) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '{' {
		r.problem(path, "an object is expected, not %s", kindOf(raw))
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	_, err := d.Token()
	for err == nil && d.More() {
		var key json.Token
		var value json.RawMessage
		if key, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		if err == nil {
			name := stanza.Clean(key.(string)) // keys are strings
			each(name, under(path, name), value)
		}
	}
	if err != nil {
		r.problem(path, "is not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
}

// under returns the path of a member.
func under(path, name string) string {
	name = fmt.Sprintf("%.40s", name)
	if path == "" {
		return name
	}
	return path + "." + name
}

// at returns the path of an element.
func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// list reads an array.
func (r *reader) list(path string, raw json.RawMessage, each func(i int, at string, value json.RawMessage)) {
	var all []json.RawMessage
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &all) != nil {
		r.problem(path, "an array is expected, not %s", kindOf(raw))
		return
	}
	for i, one := range all {
		each(i, at(path, i), one)
	}
}

// text reads a string, a number, true or false, as a text.
func (r *reader) text(path string, raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		var text string
		_ = json.Unmarshal(raw, &text) // it is valid, as it was cut out of valid JSON
		return stanza.Clean(text)
	case '{', '[', 'n':
		r.problem(path, "a text is expected, not %s", kindOf(raw))
		return ""
	}
	return string(raw)
}

// texts reads a text, or an array of them; null is none.
func (r *reader) texts(path string, raw json.RawMessage) (all []string) {
	switch raw[0] {
	case 'n':
		return nil
	case '[':
		r.list(path, raw, func(_ int, at string, value json.RawMessage) { all = append(all, r.text(at, value)) })
		return all
	}
	return []string{r.text(path, raw)}
}

// line, yes and number say where to put a string, as it is, a boolean and a number.
func (r *reader) line(to *string) func(string, json.RawMessage) {
	return func(path string, raw json.RawMessage) {
		if raw[0] != '"' {
			r.problem(path, "a string is expected, not %s", kindOf(raw))
			return
		}
		_ = json.Unmarshal(raw, to) // it is valid, as it was cut out of valid JSON
	}
}

func (r *reader) yes(to *bool) func(string, json.RawMessage) {
	return func(path string, raw json.RawMessage) {
		if json.Unmarshal(raw, to) != nil {
			r.problem(path, "true or false is expected, not %s", kindOf(raw))
		}
	}
}

func (r *reader) number(to **float64) func(string, json.RawMessage) {
	return func(path string, raw json.RawMessage) {
		var n float64
		if json.Unmarshal(raw, &n) != nil {
			r.problem(path, "a number is expected, not %s", kindOf(raw))
			return
		}
		*to = &n
	}
}

// kindOf names what JSON is, for people.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f', 'n':
		return string(raw)
	}
	return "a number"
}
