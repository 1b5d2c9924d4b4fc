package stanza

import (
	"encoding/xml"
	"strings"
	"unicode/utf8"
)

// Byte classes of character data and attribute values.
const (
	plain   = iota
	special // < > & ' " ]
	newline // carriage return: must be normalised (XML 1.0 section 2.11)
	blank   // tab, line feed: normalised in attribute values (section 3.3.3)
	multi   // part of a UTF-8 sequence
	forbid  // not an XML character
)

var byteClass = func() (t [256]uint8) {
	for i := range t {
		switch {
		case i == '\t' || i == '\n':
			t[i] = blank
		case i == '\r':
			t[i] = newline
		case i < 0x20:
			t[i] = forbid
		case i >= 0x80:
			t[i] = multi
		}
	}
	for _, c := range `<>&'"]` {
		t[c] = special
	}
	return t
}()

// Classes of bytes in names: 1 may start a name, 2 may only continue it.
var nameClass = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = 1, 1
	}
	t['_'], t[':'] = 1, 1
	for c := '0'; c <= '9'; c++ {
		t[c] = 2
	}
	t['-'], t['.'] = 2, 2
	for i := 0x80; i < 256; i++ {
		t[i] = 1
	}
	return t
}()

// isChar reports whether r is a Char of XML 1.0 (production 2).
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
}

// multiByte checks the UTF-8 sequence at s[i:] and returns its length, or 0.
func multiByte(s string, i int) int {
	r, n := utf8.DecodeRuneInString(s[i:])
	if r == utf8.RuneError && n <= 1 || !isChar(r) {
		return 0
	}
	return n
}

// foreignName checks a name that has other than ASCII letters. The servers'
// parser (expat) and encoding/xml know the same name characters, so the
// library decides.
func foreignName(name string) bool {
	_, err := xml.NewDecoder(strings.NewReader("<" + name + "/>")).RawToken()
	return err == nil
}

// CheckText returns the byte offset of the first character in s that XML cannot
// carry, not even escaped (control characters, U+FFFE, U+FFFF, bytes that are not
// UTF-8), or -1 if there is none.
func CheckText(s string) int {
	for i := 0; i < len(s); {
		switch byteClass[s[i]] {
		case forbid:
			return i
		case multi:
			n := multiByte(s, i)
			if n == 0 {
				return i
			}
			i += n
		default:
			i++
		}
	}
	return -1
}

// The escapes of bytes in text and in attribute values; "" for none.
var (
	textEscapes = [256]string{'<': "&lt;", '>': "&gt;", '&': "&amp;", '\r': "&#xD;"}
	attrEscapes = [256]string{'<': "&lt;", '>': "&gt;", '&': "&amp;", '\r': "&#xD;", '\'': "&apos;", '"': "&quot;", '\n': "&#xA;", '\t': "&#x9;"}
)

// AppendText appends s escaped as character data. s must pass [CheckText].
func AppendText(dst []byte, s string) []byte { return appendEscaped(dst, s, &textEscapes) }

// AppendAttr appends the attribute name='value' with a space before it,
// escaped. The value must pass [CheckText].
func AppendAttr(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, ' '), name...), '=', '\'')
	return append(appendEscaped(dst, value, &attrEscapes), '\'')
}

func appendEscaped(dst []byte, s string, escapes *[256]string) []byte {
	last := 0
	for i := 0; i < len(s); i++ {
		if byteClass[s[i]] == plain {
			continue
		}
		if esc := escapes[s[i]]; esc != "" {
			dst = append(append(dst, s[last:i]...), esc...)
			last = i + 1
		}
	}
	return append(dst, s[last:]...)
}
