package muc

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
)

// Mentions reports whether a text has a nick in it, as a word, whatever its case.
func Mentions(text, nick string) bool {
	if nick == "" || isASCII(nick) && isASCII(text) && !containsFold(text, nick) { // most messages
		return false
	}
	text, nick = fold(text), fold(nick)
	for from := 0; ; {
		i := strings.Index(text[from:], nick)
		if i < 0 {
			return false
		}
		begin := from + i
		end := begin + len(nick)
		before, _ := utf8.DecodeLastRuneInString(text[:begin])
		after, _ := utf8.DecodeRuneInString(text[end:])
		first, _ := utf8.DecodeRuneInString(nick)
		last, _ := utf8.DecodeLastRuneInString(nick)
		if !(begin > 0 && inWord(before) && inWord(first)) && !(end < len(text) && inWord(after) && inWord(last)) {
			return true
		}
		_, n := utf8.DecodeRuneInString(text[begin:])
		from = begin + n
	}
}

// longPart is from how many bytes on the beginnings of a part may be everywhere in a text: whoever
// chooses both, a nick and a message of "aaaa…", makes each byte of the text cost the whole part.
const longPart = 32

// containsFold reports whether a text has another one in it, whatever its case. Both are ASCII.
func containsFold(text, part string) bool {
	if len(part) >= longPart {
		return strings.Contains(strings.ToLower(text), strings.ToLower(part)) // in time by the length of the text
	}
	upper, lower := part[0], part[0]
	if c := part[0] | 0x20; 'a' <= c && c <= 'z' {
		upper, lower = c&^0x20, c
	}
	for i := 0; i+len(part) <= len(text); i++ {
		if c := text[i]; (c == upper || c == lower) && strings.EqualFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}

func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Fold().String(s)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

// WithoutMention returns a text without the nick at its beginning ("Echo: deploy" is
// "deploy"), if ':', ',', a blank or the end follows.
func WithoutMention(text, nick string) string {
	rest, ok := cutFold(strings.TrimLeftFunc(text, unicode.IsSpace), nick)
	if !ok || nick == "" {
		return text
	}
	if rest == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(rest)
	if r != ':' && r != ',' && !unicode.IsSpace(r) {
		return text
	}
	return strings.TrimLeftFunc(rest[n:], unicode.IsSpace)
}

// cutFold cuts a prefix off a text, whatever its case.
func cutFold(text, prefix string) (rest string, ok bool) {
	if n := len(prefix); n <= len(text) && isASCII(prefix) && isASCII(text[:n]) { // of ASCII, no folded text has another length
		return text[n:], strings.EqualFold(text[:n], prefix)
	}
	want := fold(prefix)
	for end := range text + " " { // a folded text may have another length
		if f := fold(text[:end]); f == want {
			return text[end:], true
		} else if len(f) > len(want)+utf8.UTFMax {
			break
		}
	}
	return "", false
}
