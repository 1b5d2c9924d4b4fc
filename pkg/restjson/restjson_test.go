package restjson_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

func TestDecode(t *testing.T) {
	f, err := restjson.Decode([]byte(`{"body":"a<b","to":"U@H","type":"chat","id":"7","subject":"s","lang":"en"}`))
	if err != nil {
		t.Fatal(err)
	}
	f.Guess()
	s, err := stanza.Build(f.Header, f.Inner, stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := `<message type='chat' id='7' to='u@h' xml:lang='en'><body>a&lt;b</body><subject>s</subject></message>`; s.XML() != want {
		t.Errorf("got  %s\nwant %s", s.XML(), want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for data, want := range map[string]string{
		``:                              "a JSON object is expected: it is empty",
		`to=a@b&body=x`:                 "a JSON object is expected: it looks like a form",
		`{'body':'x'}`:                  "a JSON object is expected: it is wrong at byte 2, near",
		`[]`:                            "a JSON object is expected",
		`"x"`:                           "a JSON object is expected",
		`null`:                          "a JSON object is expected",
		`{"body":"x"`:                   "a JSON object is expected: it ends too early",
		`{"body":"x"} {}`:               "something follows",
		`{"body":1}`:                    "body: a string is expected",
		`{"body":null}`:                 "body: a string is expected",
		`{"body":"\u0000"}`:             "body: holds a character XML forbids",
		`{"id":"\u001f"}`:               "id: holds a character XML forbids",
		`{"to":"a b@c"}`:                "to: ",
		`{"to":""}`:                     "to: ",
		`{"kind":"msg"}`:                "kind: use message",
		`{"body":"x","body":"y"}`:       "body: the key appears twice",
		`{"bodi":"x"}`:                  "bodi: unknown key",
		`{"error":"x"}`:                 "error: an object",
		`{"error":{"condition":"bad"}}`: "error.condition:",
		`{"error":{"type":"bad"}}`:      "error.type:",
		`{"error":{"code":"bad"}}`:      "error.code: unknown key",
	} {
		f, err := restjson.Decode([]byte(data))
		if err == nil {
			err = f.UnknownKey()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", data, err, want)
		}
	}
}

func TestGuess(t *testing.T) {
	for data, want := range map[string]string{
		`{"body":"x"}`:         "message",
		`{"type":"get"}`:       "iq get",
		`{"type":"available"}`: "presence",
		`{"type":"subscribe"}`: "presence subscribe",
		`{"type":"groupchat"}`: "message groupchat",
		`{"kind":"iq"}`:        "iq get",
	} {
		f, err := restjson.Decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		f.Guess()
		if got := strings.TrimSpace(f.Kind.String() + " " + f.Type); got != want {
			t.Errorf("%s: %s, want %s", data, got, want)
		}
	}
}
