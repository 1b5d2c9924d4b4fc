package stanza

import (
	"reflect"
	"strings"
	"testing"

	"stanzahook/pkg/jid"
)

// sameAsParsed checks that a stanza which was not parsed is what parsing it makes.
func sameAsParsed(t *testing.T, s *Stanza) {
	t.Helper()
	if p, err := Parse(s.XML(), Limits{}); err != nil || !reflect.DeepEqual(s, p) {
		t.Fatalf("%v: %q is %+v, and parsed %+v", err, s.XML(), s, p)
	}
}

func TestAppendEmpty(t *testing.T) {
	attrs := []Attr{{Local: "nick", Value: "Ali'c<e>\n&\t\""}, {Local: "own-nick", Value: ""}}
	h := Header{Kind: Message, Type: "groupchat", ID: "i&d", From: jid.MustParse("ops@rooms.example.com/A'<"), To: jid.MustParse("echo@bot.example.com")}
	for _, raw := range append(corpus, chat400,
		"<message xmlns='jabber:client' from='a@b'><body xmlns='jabber:client'>rewritten</body></message>",
		"<message xmlns:x='urn:x'> <x:y/><body>a</body> <room xmlns='urn:room' a='1'>b</room> text<room xmlns='urn:room'/></message>",
		"<message>"+strings.Repeat("<body/>", 7)+"</message>", "<message><body>"+strings.Repeat("large ", 400)+"</body></message>") {
		s, err := Parse(raw, Limits{})
		if err != nil {
			continue
		}
		with, err := s.AppendEmpty(h, "urn:room", "room", attrs, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		sameAsParsed(t, with)
		want := Must(build(h, s.extra, s.content()+"<room xmlns='urn:room' nick='Ali&apos;c&lt;e&gt;&#xA;&amp;&#x9;&quot;' own-nick=''/>", Limits{}))
		if with.XML() != want.XML() {
			t.Errorf("%s\nnot %s", with.XML(), want.XML())
		}
		without, err := with.Without("urn:room", Limits{})
		if err != nil {
			t.Fatal(err)
		}
		sameAsParsed(t, without)
		if _, has := without.Child("urn:room", ""); has || len(without.Children()) < len(s.Children())-2 {
			t.Errorf("%s of %s", without.XML(), raw)
		}
	}
	s := Must(Parse("<message><body>hi</body></message>", Limits{}))
	for what, wrong := range map[string]struct {
		space, local string
		attrs        []Attr
		lim          Limits
	}{
		"no name":                 {"urn:x", "", nil, Limits{}},
		"a name with a blank":     {"urn:x", "a b", nil, Limits{}},
		"a prefix":                {"urn:x", "a:b", nil, Limits{}},
		"a namespace":             {"urn:\x00", "a", nil, Limits{}},
		"a digit first":           {"urn:x", "a", []Attr{{Local: "1"}}, Limits{}},
		"a name twice":            {"urn:x", "a", []Attr{{Local: "b"}, {Local: "b"}}, Limits{}},
		"the namespace as a name": {"urn:x", "a", []Attr{{Local: "xmlns", Value: "urn:y"}}, Limits{}},
		"a text":                  {"urn:x", "a", []Attr{{Local: "b", Value: "\x01"}}, Limits{}},
		"the size":                {"urn:x", "a", nil, Limits{MaxBytes: 50}},
	} {
		if got, err := s.AppendEmpty(s.Header, wrong.space, wrong.local, wrong.attrs, wrong.lim); err == nil {
			t.Errorf("%s: %s", what, got.XML())
		}
	}
}

func BenchmarkAppendEmpty(b *testing.B) {
	s := Must(Parse(chat400, Limits{}))
	attrs := []Attr{{Local: "jid", Value: "ops@rooms.example.com"}, {Local: "nick", Value: "Alice"}, {Local: "affiliation", Value: "none"}, {Local: "role", Value: "participant"}, {Local: "own-nick", Value: "Echo"}}
	b.ReportAllocs()
	for b.Loop() {
		with, err := s.AppendEmpty(s.Header, "urn:room", "room", attrs, Limits{})
		if err == nil {
			_, err = with.Without("urn:room", Limits{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
