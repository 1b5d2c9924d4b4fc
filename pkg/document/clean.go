package document

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Syntax is the syntax of a text.
type Syntax uint8

// The syntaxes.
const (
	Plain Syntax = iota // without escapes: texts and forms
	JSON                // with escapes as \u001b
	XML                 // with references as &#27;
)

const replacement = utf8.RuneError // U+FFFD

// forbidden reports whether Clean replaces a character: C0 controls except tab, line
// feed and carriage return, DEL, surrogates, U+FFFE and U+FFFF. XML 1.0 allows only
// DEL of these; like the others it is invisible and comes from terminals.
func forbidden(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0x7f || utf16.IsSurrogate(r) || r == 0xFFFE || r == 0xFFFF
}

// Clean replaces each forbidden character by U+FFFD, escaped ones too, and returns
// how many there were. It returns a text without any unchanged. The text must be
// valid UTF-8.
func Clean(text []byte, as Syntax) (clean []byte, replaced int) {
	last, now := 0, as
	for i := 0; i < len(text); {
		if as == XML {
			now = section(text[i:], now)
		}
		n, bad, by := next(text[i:], now)
		if bad {
			clean = append(append(clean, text[last:i]...), by...)
			last = i + n
			replaced++
		}
		i += n
	}
	if replaced == 0 {
		return text, 0
	}
	return append(clean, text[last:]...), replaced
}

// CleanString is Clean for a string without escapes.
func CleanString(text string) (clean string, replaced int) {
	b, n := Clean([]byte(text), Plain)
	if n == 0 {
		return text, 0
	}
	return string(b), n
}

// next returns the length of the first character or escape in s, whether it is
// replaced, and by what.
func next(s []byte, as Syntax) (n int, bad bool, by string) {
	const text = string(replacement)
	switch c := s[0]; {
	case c == '\\' && as == JSON:
		n, bad = escape(s)
		return n, bad, `\ufffd`
	case c == '&' && as == XML:
		n, bad = reference(s)
		return n, bad, text
	case c == 0xEF && len(s) > 2: // where U+FFFE and U+FFFF begin
		r, n := utf8.DecodeRune(s)
		return n, forbidden(r) && n > 1, text
	default:
		return 1, forbidden(rune(c)), text
	}
}

// escape reads an escape of JSON.
func escape(s []byte) (n int, bad bool) {
	if len(s) < 2 {
		return 1, false
	}
	switch s[1] {
	case 'b', 'f':
		return 2, true
	case 'u':
	default:
		return 2, false
	}
	r, ok := unit(s)
	if !ok {
		return 2, false // the JSON decoder refuses it
	}
	if utf16.IsSurrogate(r) {
		if low, ok := unit(s[6:]); ok && utf16.DecodeRune(r, low) != replacement {
			return 12, false
		}
	}
	return 6, forbidden(r)
}

// unit reads \uXXXX.
func unit(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(v), err == nil
}

// section returns the syntax of XML from here on: a CDATA section has no references.
func section(s []byte, now Syntax) Syntax {
	switch {
	case s[0] == '<' && bytes.HasPrefix(s, []byte("<![CDATA[")):
		return Plain
	case s[0] == ']' && bytes.HasPrefix(s, []byte("]]>")):
		return XML
	}
	return now
}

// reference reads a reference of XML.
func reference(s []byte) (n int, bad bool) {
	end := bytes.IndexByte(s[:min(len(s), 16)], ';')
	if end < 3 || s[1] != '#' {
		return 1, false
	}
	digits, base := string(s[2:end]), 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	v, err := strconv.ParseUint(digits, base, 32)
	return end + 1, err == nil && v <= utf8.MaxRune && forbidden(rune(v))
}

// Clip shortens a text for an error message to at most so many bytes, plus an
// ellipsis, and makes it valid UTF-8.
func Clip(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
