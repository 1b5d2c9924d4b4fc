package restjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"stanzahook/pkg/document"
	"stanzahook/pkg/stanza"
)

// FieldError says which key of a JSON object is wrong, and why. Field is a path, such
// as dataform.fields[2].type.
type FieldError struct {
	Field  string
	Reason string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

func wrong(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// within prepends a key to the path of an error.
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

// ErrNotObject means that the data is not JSON, or not an object.
var ErrNotObject = errors.New("a JSON object is expected")

// notObject returns ErrNotObject, with the reason if the data is not JSON.
func notObject(data []byte) error {
	if why := document.NotJSON(data); why != "" {
		return fmt.Errorf("%w: %s", ErrNotObject, why)
	}
	return ErrNotObject
}

// array reads the items of a JSON array.
func array(data json.RawMessage) ([]json.RawMessage, error) {
	var items []json.RawMessage
	if data[0] != '[' || json.Unmarshal(data, &items) != nil {
		return nil, wrong("", "an array is expected")
	}
	return items, nil
}

// text reads a JSON string whose characters XML can carry.
func text(data json.RawMessage) (string, error) {
	if data[0] != '"' {
		return "", wrong("", "a string is expected")
	}
	v := unquote(data)
	if at := stanza.CheckText(v); at >= 0 {
		return "", wrong("", "holds a character XML forbids, at byte %d", at)
	}
	return v, nil
}

// comparison returns JSON in a form in which equal values are equal strings. Numbers
// are equal if they are written alike.
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

// appendString appends s, which must be valid UTF-8, as a JSON string. It does not
// escape < > &, so that XML stays readable.
func appendString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends s as the content of a JSON string.
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

// appendMember appends "key": with a comma before it if needed.
func appendMember(dst []byte, key string) []byte {
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(appendString(dst, key), ':')
}

// keyName returns a key for an error text.
func keyName(s string) string {
	if s == "" {
		return `""`
	}
	return clip(s)
}

func clip(s string) string { return document.Clip(s, 60) }

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }
