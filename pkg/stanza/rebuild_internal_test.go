package stanza

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
	attrs := AppendCleanAttr(nil, "nick", "Ali'c<e>\n&\t\"")
	attrs = AppendCleanAttr(attrs, "own-nick", "")
	attrs = AppendCleanAttr(attrs, "real", "a\x01\x7f\xff")
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
		require.NoError(t, err)
		sameAsParsed(t, with)
		want := Must(build(h, s.extra, s.content()+"<room xmlns='urn:room' nick='Ali&apos;c&lt;e&gt;&#xA;&amp;&#x9;&quot;' own-nick='' real='"+Clean("a\x01\x7f\xff")+"'/>", Limits{}))
		if with.XML() != want.XML() {
			t.Errorf("%s\nnot %s", with.XML(), want.XML())
		}
		without, err := with.Without("urn:room", Limits{})
		require.NoError(t, err)
		sameAsParsed(t, without)
		if _, has := without.Child("urn:room", ""); has || len(without.Children()) < len(s.Children())-2 {
			t.Errorf("%s of %s", without.XML(), raw)
		}
	}
	s := Must(Parse("<message><body>hi</body></message>", Limits{}))
	for what, wrong := range map[string]struct {
		space, local string
		lim          Limits
	}{
		"no name":             {"urn:x", "", Limits{}},
		"a name with a blank": {"urn:x", "a b", Limits{}},
		"a prefix":            {"urn:x", "a:b", Limits{}},
		"a namespace":         {"urn:\x00", "a", Limits{}},
		"the size":            {"urn:x", "a", Limits{MaxBytes: 50}},
	} {
		if got, err := s.AppendEmpty(s.Header, wrong.space, wrong.local, nil, wrong.lim); err == nil {
			t.Errorf("%s: %s", what, got.XML())
		}
	}
}

func BenchmarkAppendEmpty(b *testing.B) {
	s := Must(Parse(chat400, Limits{}))
	b.ReportAllocs()
	for b.Loop() {
		var space [512]byte
		attrs := space[:0]
		for _, a := range [...]Attr{{Local: "jid", Value: "ops@rooms.example.com"}, {Local: "nick", Value: "Alice"}, {Local: "affiliation", Value: "none"}, {Local: "role", Value: "participant"}, {Local: "own-nick", Value: "Echo"}} {
			attrs = AppendCleanAttr(attrs, a.Local, a.Value)
		}
		with, err := s.AppendEmpty(s.Header, "urn:room", "room", attrs, Limits{})
		if err == nil {
			_, err = with.Without("urn:room", Limits{})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
