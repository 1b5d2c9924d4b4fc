package restjson

import (
	"strconv"
	"strings"
)

// unescape returns the value of character data or of an attribute: references
// replaced, line ends normalised (XML 1.0 section 2.11), and white space in
// attributes too (section 3.3.3). The XML has been checked.
func unescape(s string, attr bool) string {
	if !strings.ContainsAny(s, "&\r") && !(attr && strings.ContainsAny(s, "\t\n")) {
		return s
	}
	s = newlines(s)
	if attr {
		s = strings.NewReplacer("\t", " ", "\n", " ").Replace(s)
	}
	var b strings.Builder
	for {
		text, rest, more := strings.Cut(s, "&")
		b.WriteString(text)
		if !more {
			return b.String()
		}
		name, rest, _ := strings.Cut(rest, ";")
		b.WriteRune(reference(name))
		s = rest
	}
}

func reference(name string) rune {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "apos":
		return '\''
	case "quot":
		return '"'
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil {
		return '\uFFFD' // not for XML that has been checked
	}
	return rune(n)
}

func newlines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
