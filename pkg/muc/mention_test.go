package muc_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/muc"
)

func TestMentions(t *testing.T) {
	for _, tc := range []struct {
		text, nick string
		want       bool
		rest       string
	}{
		{"hey echo, deploy", "Echo", true, "hey echo, deploy"},
		{"Echo: x", "Echo", true, "x"},
		{"ECHO, x", "Echo", true, "x"},
		{"echo x", "Echo", true, "x"},
		{"echo", "Echo", true, ""},
		{" Echo:  deploy now", "Echo", true, "deploy now"},
		{"echoes", "Echo", false, "echoes"},
		{"my-echo.", "Echo", true, "my-echo."},
		{"techo", "Echo", false, "techo"},
		{"écho", "Echo", false, "écho"},
		{"Straße: fahr", "STRASSE", true, "fahr"},
		{"ÉCHO, ça va", "écho", true, "ça va"},
		{"hallo Бот!", "бот", true, "hallo Бот!"},
		{"работа", "бот", false, "работа"},
		{"🤖: hi", "🤖", true, "hi"},
		{"a🤖b", "🤖", true, "a🤖b"},
		{"build bot: go", "Build Bot", true, "go"},
		{"nothing", "", false, "nothing"},
		{"echo2: x, echo", "Echo", true, "echo2: x, echo"},
	} {
		if got := muc.Mentions(tc.text, tc.nick); got != tc.want {
			t.Errorf("%q, %q: %v", tc.text, tc.nick, got)
		}
		if got := muc.WithoutMention(tc.text, tc.nick); got != tc.rest {
			t.Errorf("%q without %q: %q", tc.text, tc.nick, got)
		}
	}
}

// A long nick is found as a short one is, and the time for it is that of the text: this is 50
// times half a second if each byte of the text costs the whole nick.
func TestLongNick(t *testing.T) {
	nick := strings.Repeat("Aa", 500)
	for text, want := range map[string]bool{
		strings.ToLower(nick): true, "hey, " + strings.ToUpper(nick) + "!": true, nick + "a": false, nick[1:]: false, "": false, strings.Repeat("a", 250_000): false,
	} {
		if muc.Mentions(text, nick) != want {
			t.Errorf("%.40q (%d bytes): %v", text, len(text), !want)
		}
	}
	text := strings.Repeat("a", 250_000)
	for range 50 {
		if muc.Mentions(text, nick+"b") {
			t.Fatal("it is not there")
		}
	}
}
