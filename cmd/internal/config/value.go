package config

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stanzahook/pkg/secret"
)

// HashPrefix names the hash of a token in the configuration.
const HashPrefix = "sha256:"

// parseValue reads a single value of type t from its text, for the file and
// the environment alike. The error continues a sentence that begins with the
// text, or, for what must not be shown, with "the value".
func parseValue(t reflect.Type, text string) (any, error) {
	switch t {
	case reflect.TypeFor[string]():
		return text, nil
	case reflect.TypeFor[secret.String]():
		return secret.New(text), nil
	case reflect.TypeFor[bool]():
		if text != "true" && text != "false" {
			return nil, errors.New("is not true or false")
		}
		return text == "true", nil
	case reflect.TypeFor[int]():
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("is not a whole number; write for example 32")
		}
		return n, nil
	case reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		if err != nil {
			return nil, errors.New("is not a duration; write for example 15s")
		}
		return d, nil
	case reflect.TypeFor[ByteSize]():
		return parseByteSize(text)
	case reflect.TypeFor[Share]():
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 1) {
			return nil, errors.New("is not a number from 0 to 1; write for example 0.1 for a tenth")
		}
		return Share(n), nil
	case typeOfHistory:
		return parseHistory(text)
	case reflect.TypeFor[[32]byte]():
		return ParseHash(text)
	}
	return nil, errors.New("cannot be set: no reader for " + t.String())
}

// ParseHash reads a token's hash. Upper-case digits are refused: a hash is
// compared by eye with what "token new" printed and sha256sum prints.
func ParseHash(text string) (any, error) {
	digits, found := strings.CutPrefix(text, HashPrefix)
	sum, err := hex.DecodeString(digits)
	if !found || err != nil || len(sum) != 32 || strings.ToLower(digits) != digits {
		return nil, errors.New(`is not "sha256:" and 64 lower-case hex digits; "stanzahook token new" prints a token with its hash`)
	}
	return [32]byte(sum), nil
}

// isShown reports whether a problem may show values of this type. A hash may
// be the token itself, pasted into the wrong place.
func isShown(t reflect.Type) bool {
	return t != reflect.TypeFor[secret.String]() && t != reflect.TypeFor[[32]byte]()
}

// subject is how a problem calls a value: by its text, if that may be shown.
func subject(t reflect.Type, text string) string {
	if !isShown(t) {
		return "the value"
	}
	return quote(text)
}

// quote makes a value fit for a line on a terminal.
//
// It ends at the first space. Hardly any of our values has one, and what follows
// may be a secret: where the colon after "secret" is forgotten, YAML takes that
// line for more text of the line before.
func quote(text string) string {
	return strconv.Quote(shorten(text, unicode.IsSpace))
}

// shorten cuts a text before the first character that ends it, if there is one
// and anything before it, and where it gets too long.
func shorten(text string, ends func(rune) bool) string {
	const most = 60
	for i, c := range []rune(text) {
		if i == most || i > 0 && ends(c) {
			return string([]rune(text)[:i]) + "…"
		}
	}
	return text
}
