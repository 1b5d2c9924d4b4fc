package restjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"stanzahook/pkg/document"
	"stanzahook/pkg/stanza"
)

// FieldError says which key of a JSON object is wrong, and why. The field is a
// path: dataform.fields[2].type.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// within puts a key before the path of an error.
func within(key string, err error) error {
	var fe *FieldError
	if !errors.As(err, &fe) {
		return err
	}
	key = keyName(key)
	switch {
	case fe.Field == "":
	case fe.Field[0] == '[':
		key += fe.Field
	default:
		key += "." + fe.Field
	}
	return &FieldError{key, fe.Reason}
}

// ErrNotObject means that the JSON is none, or no object.
var ErrNotObject = errors.New("a JSON object is expected")

// notObject says why there is no object, as far as it is no JSON.
func notObject(data []byte) error {
	if why := document.NotJSON(data); why != "" {
		return fmt.Errorf("%w: %s", ErrNotObject, why)
	}
	return ErrNotObject
}

type member struct {
	key   string
	value json.RawMessage
}

// object reads the members in order; encoding/json alone would take the last
// of two equal keys without a word.
func object(data []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	open, err := d.Token()
	if err != nil {
		return nil, notObject(data)
	}
	if open != json.Delim('{') {
		return nil, ErrNotObject
	}
	var members []member
	seen := make(map[string]bool, 16)
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, notObject(data)
		}
		name, _ := key.(string) // an object's keys are strings
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, notObject(data)
		}
		if seen[name] {
			return nil, wrong(keyName(name), "the key is there twice")
		}
		seen[name] = true
		members = append(members, member{name, value})
	}
	if _, err := d.Token(); err != nil {
		return nil, notObject(data)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows it", ErrNotObject)
	}
	return members, nil
}

// array reads the items of a JSON array.
func array(data json.RawMessage) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if data[0] != '[' || json.Unmarshal(data, &items) != nil {
		return nil, wrong("", "an array is expected")
	}
	return items, nil
}

// text reads a JSON string that XML can carry.
func text(data json.RawMessage) (string, error) {
	var v string
	if data[0] != '"' || json.Unmarshal(data, &v) != nil {
		return "", wrong("", "a string is expected")
	}
	if at := stanza.CheckText(v); at >= 0 {
		return "", wrong("", "holds a character XML forbids, at byte %d", at)
	}
	return v, nil
}

// comparison returns JSON such that equal values are equal strings. Numbers are
// compared as they are written.
func comparison(data []byte) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(data)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(data)
	}
	return string(out)
}

// appendString appends s, which is valid UTF-8, as a JSON string. It leaves
// < > & as they are, so that XML stays readable.
func appendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends what is between the quotes of a JSON string.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	last := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[last:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		last = i + 1
	}
	return append(dst, s[last:]...)
}

// appendMember appends "key": with a comma before it where one is due.
func appendMember(dst []byte, key string) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(appendString(dst, key), ':')
}

// keyName is a key for an error.
func keyName(s string) string {
	if s == "" {
		return `""`
	}
	return clip(s)
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }
