package muc_test

import (
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
