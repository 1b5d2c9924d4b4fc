package outbound_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/outbound"
)

func TestPublicURL(t *testing.T) {
	for in, want := range map[string]string{
		"http://example.com/hook":                                  "http://example.com/hook",
		"https://user:secret@example.com/h/{to}?k=secret&f={from}": "https://example.com/h/{to}?k=***&f={from}",
		"https://a@b:secret@example.com?secret":                    "https://example.com?***",
		"":                                                         "",
	} {
		if got := outbound.PublicURL(in); got != want || strings.Contains(got, "secret") {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
