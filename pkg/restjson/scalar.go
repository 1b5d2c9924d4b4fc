package restjson

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scalar is a value that is one text in XML.
type scalar struct {
	typ      string // string, integer, number, boolean
	enum     []string
	from, to int64 // bounds of integers, unless both are 0
}

var (
	str     = scalar{typ: "string"}
	integer = scalar{typ: "integer"}
	number  = scalar{typ: "number"}
	boolean = scalar{typ: "boolean"}
)

func oneOf(values ...string) scalar { return scalar{typ: "string", enum: values} }

var (
	isInteger = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)
	isNumber  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// encode appends the JSON of a text. full means that the JSON has all of the text.
func (s scalar) encode(dst []byte, text string) (out []byte, full, ok bool) {
	if s.check(text) != nil {
		return dst, false, false
	}
	switch s.typ {
	case "string":
		return appendString(dst, text), true, true
	case "boolean": // xs:boolean has two words for each
		return strconv.AppendBool(dst, text == "1" || text == "true"), text == "1" || text == "0", true
	}
	return append(dst, text...), true, true
}

// decode returns the text of a JSON value.
func (s scalar) decode(data json.RawMessage) (string, error) {
	v := string(data)
	switch s.typ {
	case "boolean":
		switch v {
		case "true":
			return "1", nil
		case "false":
			return "0", nil
		}
		return "", wrong("", "true or false is expected")
	case "string":
		var err error
		if v, err = text(data); err != nil {
			return "", err
		}
	default:
		v = strings.Trim(v, `"`) // mod_rest accepts "5" for 5
	}
	return v, s.check(v)
}

// check returns nil if a text is such a value.
func (s scalar) check(text string) error {
	switch s.typ {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil || !isInteger.MatchString(text):
			return wrong("", "an integer is expected")
		case s.from != s.to && (n < s.from || n > s.to):
			return wrong("", "use a number from %d to %d", s.from, s.to)
		}
	case "number":
		if !isNumber.MatchString(text) {
			return wrong("", "a number is expected")
		}
	case "boolean":
		if !slices.Contains([]string{"0", "1", "false", "true"}, text) {
			return wrong("", "true or false is expected")
		}
	default:
		if s.enum != nil && !slices.Contains(s.enum, text) {
			return wrong("", "use %s, not %q", words(s.enum), clip(text))
		}
	}
	return nil
}

// words lists values: a, b or c.
func words(values []string) string {
	n := len(values) - 1
	if n < 1 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:n], ", ") + " or " + values[n]
}

// json returns the JSON of a value from a form or a query.
func (s scalar) json(text string) json.RawMessage {
	if s.typ == "boolean" && s.check(text) == nil {
		return json.RawMessage(strconv.FormatBool(text == "1" || text == "true"))
	}
	return quote(text)
}

func quote(s string) json.RawMessage { return appendString(nil, valid(s)) }

func (s scalar) doc() string {
	if s.enum != nil {
		return strings.Join(s.enum, "|")
	}
	return s.typ
}
