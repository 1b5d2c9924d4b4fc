package stanza

import (
	"strconv"
	"strings"
)

// entity decodes the reference at s[i] == '&' and returns its rune and length. The
// length is 0 if it is neither one of the predefined five nor a character reference
// (RFC 6120 section 11.1).
func entity(s string, i int) (rune, int) {
	end := i + 32
	if end > len(s) {
		end = len(s)
	}
	semi := strings.IndexByte(s[i:end], ';')
	if semi < 0 {
		return 0, 0
	}
	switch name := s[i+1 : i+semi]; name {
	case "lt":
		return '<', 4
	case "gt":
		return '>', 4
	case "amp":
		return '&', 5
	case "apos":
		return '\'', 6
	case "quot":
		return '"', 6
	default:
		if len(name) < 2 || name[0] != '#' {
			return 0, 0
		}
		digits, base := name[1:], 10
		if digits[0] == 'x' {
			digits, base = digits[1:], 16
		}
		if digits == "" || digits[0] == '+' || digits[0] == '-' {
			return 0, 0
		}
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || n > 0x10FFFF || !isChar(rune(n)) {
			return 0, 0
		}
		return rune(n), semi + 1
	}
}

// unescape returns the value of checked character data, which may have CDATA
// sections. It normalises line ends (XML 1.0 section 2.11), and white space in
// attribute values (section 3.3.3). It skips child elements.
func unescape(s string, attr bool) string {
	if literal(s) && !(attr && (strings.IndexByte(s, '\t') >= 0 || strings.IndexByte(s, '\n') >= 0)) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '&':
			r, n := entity(s, i)
			if n == 0 { // not reached for checked data
				return b.String()
			}
			b.WriteRune(r)
			i += n
		case c == '\r':
			if i+1 < len(s) && s[i+1] == '\n' {
				i++
			}
			if attr {
				b.WriteByte(' ')
			} else {
				b.WriteByte('\n')
			}
			i++
		case attr && (c == '\t' || c == '\n'):
			b.WriteByte(' ')
			i++
		case c == '<' && strings.HasPrefix(s[i:], "<![CDATA["):
			end := strings.Index(s[i:], "]]>")
			if end < 0 {
				return b.String()
			}
			b.WriteString(newlines(s[i+9 : i+end]))
			i += end + 3
		case c == '<': // a child element
			i = skipElement(s, i)
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// literal reports whether character data is its own value. It looks for one byte at a time, as
// a long body is read that way ten times as fast as for any of three.
func literal(s string) bool {
	return strings.IndexByte(s, '&') < 0 && strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '\r') < 0
}

func newlines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// skipElement returns the offset after the element that begins at s[i]. The content
// must be checked.
func skipElement(s string, i int) int {
	depth := 0
	for i < len(s) {
		j := strings.IndexByte(s[i:], '<')
		if j < 0 {
			return len(s)
		}
		i += j
		if strings.HasPrefix(s[i:], "<![CDATA[") {
			end := strings.Index(s[i:], "]]>")
			if end < 0 {
				return len(s)
			}
			i += end + 3
			continue
		}
		end, closing := i+1, s[i+1] == '/'
		for end < len(s) && s[end] != '>' {
			if q := s[end]; q == '\'' || q == '"' {
				k := strings.IndexByte(s[end+1:], q)
				if k < 0 {
					return len(s)
				}
				end += k + 1
			}
			end++
		}
		if end >= len(s) {
			return len(s)
		}
		switch {
		case closing:
			depth--
		case s[end-1] != '/':
			depth++
		}
		i = end + 1
		if depth == 0 {
			return i
		}
	}
	return i
}
