// Package terminal shows texts to people: colours, a screen to type at, and texts from
// strangers made harmless.
package terminal

import (
	"strconv"
	"strings"
	"unicode"
)

// Harmless makes a text from strangers harmless for a terminal.
func Harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// Text is a text that may be missing, made harmless, or another in place of none.
func Text(s *string, none string) string {
	if s == nil {
		return none
	}
	return Harmless(*s)
}

// After is a text behind another; empty if it is.
func After(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// maxQuoted bounds what is shown of a text in a line.
const maxQuoted = 200

// Quoted is the beginning of a text in a line.
func Quoted(text string) string {
	all := []rune(text)
	if len(all) > maxQuoted {
		return strconv.Quote(string(all[:maxQuoted])) + " …"
	}
	return strconv.Quote(text)
}
