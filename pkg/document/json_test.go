package document_test

import (
	"testing"

	"stanzahook/pkg/document"
)

func TestNotJSON(t *testing.T) {
	for text, want := range map[string]string{
		``:                         "it is empty",
		" \r\n":                    "it is empty",
		"\uFEFF":                   "it is empty",
		`to=u@example.com&body=hi`: "it looks like a form",
		`body=`:                    "it looks like a form",
		`a%5B0%5D=1`:               "it looks like a form",
		"--x1\r\nContent-Disposition: form-data; name=\"to\"\r\n": "it looks like a form",
		`<html><body>404</body></html>`:                           "it looks like HTML or XML",
		"\n<!DOCTYPE html>":                                       "it looks like HTML or XML",
		`<message/>`:                                              "it looks like HTML or XML",
		`{"body":"hi"`:                                            "it ends too early",
		`{"body":"h`:                                              "it ends too early",
		`[`:                                                       "it ends too early",
		`tru`:                                                     "it ends too early",
		`{'body':'hi'}`:                                           `it is wrong at byte 2, near "'body':'hi'}"`,
		`{"body":"hi",}`:                                          `it is wrong at byte 14, near "}"`,
		`hello`:                                                   `it is wrong at byte 1, near "hello"`,
		`{"a":1} {"b":2}`:                                         `it is wrong at byte 9, near "{\"b\":2}"`,
		`{"a":1} <!-- a page of a debugger -->`:                   `it is wrong at byte 9, near "<!-- a page of a…"`,
		`{"a":é}`:                                                 `it is wrong at byte 6, near "é}"`,
		"{\"a\":\xff}":                                            `it is wrong at byte 6, near "�}"`,
		"{\"a\":\"\x1b[0m\"}":                                     `it is wrong at byte 7, near "\x1b[0m\"}"`,
		`{}`:                                                      "", `[]`: "", `null`: "", `true`: "", ` "x=1" `: "", "\uFEFF{\"a\":1}\n": "", `-1`: "",
	} {
		if got := document.NotJSON([]byte(text)); got != want {
			t.Errorf("%q: %s\nwant %s", text, got, want)
		}
	}
}
