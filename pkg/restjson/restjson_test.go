package restjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

func TestEncode(t *testing.T) {
	for _, tc := range []struct{ xml, json string }{
		{`<message type='chat' id='1' from='u@h/r' to='b@c' xml:lang='de'><subject>s</subject><body>hi &lt;</body><thread>t</thread><x xmlns='urn:x'/></message>`,
			`{"kind":"message","type":"chat","to":"b@c","from":"u@h/r","id":"1","lang":"de","body":"hi \u003c","subject":"s","thread":"t"}`},
		{`<message><body/></message>`, `{"kind":"message","body":""}`},
		{`<presence from='u@h/r'/>`, `{"kind":"presence","type":"available","from":"u@h/r"}`},
		{`<iq type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></iq>`,
			`{"kind":"iq","type":"error","id":"1","error":{"type":"auth","condition":"forbidden","text":"no"}}`},
		{`<message><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>inner</body></message></forwarded><body>outer</body></message>`,
			`{"kind":"message","body":"outer"}`},
	} {
		s, err := stanza.Parse(tc.xml, stanza.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(Encode(s))
		if err != nil || string(got) != tc.json {
			t.Errorf("%s\ngot  %s %v\nwant %s", tc.xml, got, err, tc.json)
		}
	}
}

func TestDecode(t *testing.T) {
	f, err := Decode([]byte(`{"body":"a<b","to":"U@H","type":"chat","id":"7","subject":"s","lang":"en"}`))
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
		``:                              "a JSON object is expected",
		`[]`:                            "a JSON object is expected",
		`"x"`:                           "a JSON object is expected",
		`null`:                          "a JSON object is expected",
		`{"body":"x"`:                   "a JSON object is expected",
		`{"body":"x"} {}`:               "something follows",
		`{"body":1}`:                    "body: a string is expected",
		`{"body":null}`:                 "body: a string is expected",
		`{"body":"\u0000"}`:             "body: holds a character XML forbids",
		`{"id":"\u001f"}`:               "id: holds a character XML forbids",
		`{"to":"a b@c"}`:                "to: ",
		`{"to":""}`:                     "to: ",
		`{"kind":"msg"}`:                "kind: use message",
		`{"body":"x","body":"y"}`:       "body: the key is there twice",
		`{"bodi":"x"}`:                  "bodi: unknown key",
		`{"error":"x"}`:                 "error: an object",
		`{"error":{"condition":"bad"}}`: "error.condition:",
		`{"error":{"type":"bad"}}`:      "error.type:",
		`{"error":{"code":"bad"}}`:      "error.code: unknown key",
	} {
		f, err := Decode([]byte(data))
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
		`{"kind":"iq"}`:        "iq",
	} {
		f, err := Decode([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		f.Guess()
		if got := strings.TrimSpace(f.Kind.String() + " " + f.Type); got != want {
			t.Errorf("%s: %s, want %s", data, got, want)
		}
	}
}

// Whatever JSON comes, the outcome is a refusal or a well-formed stanza.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"body":"x","to":"a@b"}`, `{"error":{"type":"wait","condition":"gone","text":"</message>"}}`, `{"id":"'>","lang":"\"","type":"&"}`, `{"body":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, err := Decode(data)
		if err != nil {
			var fe *FieldError
			if !errors.Is(err, ErrNotObject) && !errors.As(err, &fe) {
				t.Fatalf("an error that names nothing: %v", err)
			}
			return
		}
		fields.Guess()
		s, err := stanza.Build(fields.Header, fields.Inner, stanza.Limits{MaxBytes: 1 << 24})
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		// The way back gives the same fields.
		o, err := json.Marshal(Encode(s))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(o)
		if err != nil {
			t.Fatalf("%q → %s → %s: %v", data, s.XML(), o, err)
		}
		again.Guess()
		if again.Header != fields.Header && !fields.Has("error") {
			t.Fatalf("%q → %+v → %+v", data, fields.Header, again.Header)
		}
	})
}
