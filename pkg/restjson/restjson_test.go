package restjson

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecode(t *testing.T) {
	s, err := build(`{"body":"a<b","to":"U@H","type":"chat","id":"7","subject":"s","lang":"en"}`)
	require.NoError(t, err)
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
		if _, err := build(data); err == nil || !strings.Contains(err.Error(), want) {
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
		f, err := Decode([]byte(data))
		require.NoError(t, err)
		f.Guess()
		if got := strings.TrimSpace(f.Kind.String() + " " + f.Type); got != want {
			t.Errorf("%s: %s, want %s", data, got, want)
		}
	}
}

// Each refusal names the path of what is wrong, and says what to write.
func TestRefusalsNameThePath(t *testing.T) {
	deep := strings.Repeat(`{"forwarded":{"message":`, 9) + `{"body":"x"}` + strings.Repeat(`}}`, 9)
	for _, c := range []struct{ data, field, reason string }{
		{`{"dataform":{"fields":[{},{"var":"a"},{"type":7}]}}`, "dataform.fields[2].type", "a string is expected"},
		{`{"dataform":{"type":"from"}}`, "dataform.type", "use form, submit, cancel or result"},
		{`{"dataform":{"fields":[{"options":[{"value":1}]}]}}`, "dataform.fields[0].options[0].value", "a string"},
		{`{"dataform":{"fields":{}}}`, "dataform.fields", "an array"},
		{`{"dataform":[]}`, "dataform", "an object with type, title"},
		{`{"invite":{"jid":"a","jid":"b"}}`, "invite.jid", "twice"},
		{`{"invite":{"jidd":"a"}}`, "invite.jidd", "unknown key; known are jid, reason"},
		{`{"invite":{"continue":1}}`, "invite.continue", "true or false"},
		{`{"state":"composed"}`, "state", "use active, inactive, gone, composing or paused"},
		{`{"markable":"yes"}`, "markable", "true is expected"},
		{`{"reference":{"begin":1.5}}`, "reference.begin", "an integer"},
		{`{"reference":{"begin":"a"}}`, "reference.begin", "an integer"},
		{`{"priority":128}`, "priority", "from -128 to 127"},
		{`{"show":"busy"}`, "show", "use away"},
		{`{"stanza_ids":[{"id":"1"},{"id":2}]}`, "stanza_ids[1].id", "a string"},
		{`{"reactions":{"reactions":["a",null]}}`, "reactions.reactions[1]", "a string"},
		{`{"thread":7}`, "thread", "an object with id or parent"},
		{`{"body":"a\u0007"}`, "body", "forbids, at byte 1"},
		{`{"html":"<p/>"}`, "html", "begins with <body>"},
		{`{"html":"<body></html><x/>"}`, "html", "not well-formed"},
		{`{"html":"<body/><x/>"}`, "html", "exactly one"},
		{`{"html":"<body xmlns='urn:x'/>"}`, "html", "namespace"},
		{`{"html":"<body/>x</html></message>"}`, "html", "not well-formed"},
		{`{"xml":"</message><message>"}`, "xml", "at byte 10"},
		{`{"xml":"<a>"}`, "xml", "not well-formed"},
		{`{"xml":"<a/>b"}`, "xml", "text between"},
		{`{"xml":"<!-- x -->"}`, "xml", "comments"},
		{`{"xml":"<p:a/>"}`, "xml", "prefix"},
		{`{"xml":"` + strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64) + `"}`, "xml", "deeper than"},
		{`{"xml":7}`, "xml", "a string"},
		{`{"stanza":7}`, "stanza", "one stanza"},
		{`{"forwarded":{"message":{"body":7}}}`, "forwarded.message.body", "a string"},
		{`{"forwarded":{"message":{"kind":"iq"}}}`, "forwarded.message.kind", "only messages"},
		{`{"forwarded":{"message":{"to":"@"}}}`, "forwarded.message.to", ""},
		{`{"forwarded":{"message":{"show":"xa"}}}`, "forwarded.message.show", `goes with kind "presence" only`},
		{deep, strings.Repeat("forwarded.message.", 8) + "forwarded.message", "more than 8"},
		{`{"archive":{"form":{},"with":"a"}}`, "archive.form", "goes without"},
		{`{"archive":{"page":{},"max":1}}`, "archive.page", "goes without"},
		{`{"archive":{"max":"many"}}`, "archive.max", "an integer"},
		{`{"archive":{"whit":"a"}}`, "archive.whit", "unknown key"},
		{`{"disco":7}`, "disco", "an object with node"},
		{`{"items":[{"jid":1}]}`, "items[0].jid", "a string"},
		{`{"command":{"data":{"a":[1]}}}`, "command.data.a", "a string"},
		{`{"kind":"iq","formdata":{"a":7}}`, "formdata.a", "a string, true"},
		{`{"stats":[{"value":"x"}]}`, "stats[0].value", "a number"},
		{`{"error":{"by":7}}`, "error.by", "a string"},
		{`{"kind":"iq","body":"x"}`, "body", `goes with kind "message" only, not with "iq"`},
		{`{"type":"get","show":"xa"}`, "show", `not with "iq"`},
		{`{"bodi":"x"}`, "bodi", "unknown key; known are kind, type"},
		{`{"body":"x","stanza":"<message/>"}`, "stanza", "whole stanza"},
	} {
		_, err := build(c.data)
		var fe *FieldError
		if !errors.As(err, &fe) || fe.Field != c.field || !strings.Contains(fe.Reason, c.reason) {
			t.Errorf("%s: %v, want %s: … %s", c.data, err, c.field, c.reason)
		}
	}
}

func TestWholeStanza(t *testing.T) {
	f, err := Decode([]byte(`{"stanza":"<message/>","body":"x"}`))
	if err != nil || f.Stanza != "<message/>" || f.Inner != "<body>x</body>" || len(f.Unknown) != 1 {
		t.Errorf("%+v %v", f, err)
	}
}

// A text in many pieces is put together once, not anew for each piece.
func TestTextInPieces(t *testing.T) {
	for name, piece := range map[string]string{"elements between": "a<z/>", "CDATA sections": "<![CDATA[a]]>"} {
		const n = 10_000
		s := parse("<message><body>" + strings.Repeat(piece, n) + "</body></message>")
		var got []byte
		allocs := testing.AllocsPerRun(3, func() { got = Append(nil, s) })
		if !strings.Contains(string(got), `"body":"`+strings.Repeat("a", n)+`"`) {
			t.Errorf("%s: %.100s", name, got)
		}
		if allocs > n/10 {
			t.Errorf("%s: %v allocations for %d pieces", name, allocs, n)
		}
	}
}
