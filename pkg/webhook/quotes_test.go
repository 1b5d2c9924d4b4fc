package webhook_test

import (
	"testing"

	"stanzahook/pkg/webhook"
)

func TestWithoutQuotes(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		"HTTP 500":             "HTTP 500",
		"no answer within 15s": "no answer within 15s",
		"the endpoint did not take it within 1h0m0s; last: dial tcp 127.0.0.1:1: connect: connection refused": "the endpoint did not take it within 1h0m0s; last: dial tcp 127.0.0.1:1: connect: connection refused",
		`invalid reply: from: "a@b" is not in the component's domain c`:                                       "invalid reply",
		`failed 3 times while others of the endpoint succeeded; last: malformed HTTP response "hi"`:           "failed 3 times while others of the endpoint succeeded; last: malformed HTTP response",
		"malformed MIME header line: hi":                                                                                 "malformed MIME header line",
		`bad Content-Length "hi"`:                                                                                        "bad Content-Length …",
		"answered text/html; no reply is made of that: use text/plain or JSON":                                           "answered text/html; no reply is made of that: use text/plain or JSON",
		`answered JSON without a key that makes a reply (hi, "); write {"body": "…"}`:                                    "answered JSON without a key that makes a reply",
		"keys that are not known, left out of the reply: hi; characters that no stanza can carry, replaced by U+FFFD: 1": "keys that are not known, left out of the reply",
		`answered a JSON string; this format takes an object, such as {"body":"text"}`:                                   "answered a JSON string; this format takes an object, such as { …",
		"not sent: the URL has 9000 bytes with the addresses filled in; 8000 are allowed":                                "not sent: the URL has 9000 bytes with the addresses filled in; 8000 are allowed",
	} {
		if got := webhook.WithoutQuotes(text); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
