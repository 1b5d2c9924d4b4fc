package hook

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Notice is what a request says.
type Notice struct {
	Texts  []Text
	Target string // the one of the hook's targets that the request names; empty: none
	Of     string // the ts of the message that chat.update of Slack changes
	// Once names this delivery, by its id and its body, or the state that it reports; empty:
	// nothing does. It counts for Within.
	Once   string
	Within time.Duration
	Event  string // what has happened, in the word of the tool; empty: tools with one kind
	Said   Said   // of gotify
}

// Said is what a request has said in so many words, for tools that want to hear it again.
type Said struct {
	Title, Message string
	Priority       float64
}

// Text is the body of one message.
type Text struct {
	Body string
	// Thread names what the text is about: a later text with the same reports a later
	// state of it. Empty: nothing does.
	Thread string
	// Cut says that the template was ended, or has failed, before its end.
	Cut error
}

// onceWithin is how long the id of a delivery counts; a state counts for sameWithin, so
// that a tool may remind.
const (
	onceWithin = 24 * time.Hour
	sameWithin = time.Hour
)

// clean makes a body of a text: without control characters and what XML cannot carry,
// without space at the ends, and cut to a number of characters.
func clean(text string, most int) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\t':
			return c
		case c == '\r' || c == '\u2028' || c == '\u2029':
			return '\n'
		case c < ' ', c >= 0x7f && c < 0xa0, c >= 0xd800 && c < 0xe000, c == 0xfffe, c == 0xffff:
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, "\ufffd"))
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return cut(strings.TrimSpace(strings.Join(lines, "\n")), most)
}

// cut shortens a text to a number of characters, the last of them "…".
func cut(text string, most int) string {
	if most <= 0 || utf8.RuneCountInString(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n++; n == most {
			return strings.TrimRight(text[:i], " \t\n") + "…"
		}
	}
	return text
}
