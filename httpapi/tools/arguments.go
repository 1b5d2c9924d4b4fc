package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"stanzahook/httpapi"
)

// field is an argument: a field of the struct of a tool. Its tags min and max bound a number,
// or how many items a list may have.
type field struct {
	name     string
	index    int
	required bool
	min, max int // max 0: no bound
	kind     reflect.Kind
}

func fieldsOf[A any]() []field {
	var all []field
	t := reflect.TypeFor[A]()
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		one := field{name: name, index: i, required: !strings.Contains(options, "omit"), kind: f.Type.Kind()}
		one.min, _ = strconv.Atoi(f.Tag.Get("min")) // none is 0
		one.max, _ = strconv.Atoi(f.Tag.Get("max"))
		all = append(all, one)
	}
	return all
}

// constrain writes the bounds into the schema.
func (f *field) constrain(whole *jsonschema.Schema) {
	s := whole.Properties[f.name]
	low, high := float64(f.min), float64(f.max)
	switch f.kind {
	case reflect.Int:
		s.Minimum = &low
		if f.max > 0 {
			s.Maximum = &high
		}
	case reflect.Slice:
		s.Type, s.Types = "array", nil // null is none
		if f.max > 0 {
			s.MaxItems = &f.max
		}
	case reflect.String:
		if f.required {
			one := 1
			s.MinLength = &one
		}
	}
}

// wrongf is the error for a mistake of the caller.
func wrongf(format string, args ...any) error {
	return &httpapi.Fault{Status: http.StatusBadRequest, Text: fmt.Sprintf(format, args...)}
}

// decode reads the arguments of a tool into its struct. The error names the argument.
func decode(arguments json.RawMessage, tool string, fields []field, to any) error {
	given := make(map[string]json.RawMessage)
	if text := bytes.TrimSpace(arguments); len(text) > 0 && string(text) != "null" {
		if text[0] != '{' {
			return wrongf("the arguments of %s: %s where an object is needed", tool, kindOf(text))
		}
		if err := json.Unmarshal(text, &given); err != nil {
			return wrongf("the arguments of %s are not JSON: %s", tool, err)
		}
	}
	for name := range given {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			return wrongf("%.60s: is no argument of %s, which has %s", strconv.Quote(name), tool, names(fields))
		}
	}
	into := reflect.ValueOf(to).Elem()
	for _, f := range fields {
		value, ok := given[f.name]
		if !ok || string(value) == "null" {
			if f.required {
				return wrongf("%s: is missing; %s needs it", f.name, tool)
			}
			continue
		}
		if err := f.decode(value, into.Field(f.index)); err != nil {
			return err
		}
	}
	return nil
}

func names(fields []field) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// decode reads the value of an argument.
func (f *field) decode(value json.RawMessage, into reflect.Value) error {
	wrong := func(at string, value json.RawMessage, needed string) error {
		return wrongf("%s%s: is %s where %s is needed", f.name, at, kindOf(value), needed)
	}
	switch f.kind {
	case reflect.String:
		var text string
		if json.Unmarshal(value, &text) != nil {
			return wrong("", value, "a string")
		}
		if text == "" && f.required {
			return wrongf("%s: is empty", f.name)
		}
		into.SetString(text)
	case reflect.Bool:
		var is bool
		if json.Unmarshal(value, &is) != nil {
			return wrong("", value, "true or false")
		}
		into.SetBool(is)
	case reflect.Int:
		var n float64 // 5.0 is a whole number, too
		if json.Unmarshal(value, &n) != nil || n != math.Trunc(n) {
			return wrong("", value, "a whole number")
		}
		if n < float64(f.min) || f.max > 0 && n > float64(f.max) {
			return wrongf("%s: %s is not between %d and %d", f.name, value, f.min, f.max)
		}
		into.SetInt(int64(n))
	default: // a list of strings
		var items []json.RawMessage
		if json.Unmarshal(value, &items) != nil {
			return wrong("", value, "an array of strings")
		}
		if f.max > 0 && len(items) > f.max {
			return wrongf("%s: has %d items; %d at most", f.name, len(items), f.max)
		}
		texts := make([]string, len(items))
		for i, item := range items {
			if json.Unmarshal(item, &texts[i]) != nil || string(item) == "null" {
				return wrong("["+strconv.Itoa(i)+"]", item, "a string")
			}
		}
		into.Set(reflect.ValueOf(texts))
	}
	return nil
}

// kindOf says what a JSON value is.
func kindOf(value json.RawMessage) string {
	switch value[0] {
	case '"':
		return "a string"
	case '[':
		return "an array"
	case '{':
		return "an object"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return fmt.Sprintf("the number %.20s", value)
}
