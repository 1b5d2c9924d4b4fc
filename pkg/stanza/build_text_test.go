package stanza

import (
	"reflect"
	"strings"
	"testing"

	"stanzahook/pkg/jid"
)

// sameAsBuild fails if BuildText makes something else than Build.
func sameAsBuild(t *testing.T, h Header, text string, lim Limits) {
	t.Helper()
	got, err := BuildText(h, "body", text, lim)
	checkSame(t, got, err, h, text, "", lim)
	if h.Kind == Message {
		got, err = BuildMessage(h, text, lim)
		checkSame(t, got, err, h, text, string(append(AppendAttr([]byte("<origin-id xmlns='urn:xmpp:sid:0'"), "id", h.ID), '/', '>')), lim)
	}
}

func checkSame(t *testing.T, got *Stanza, err error, h Header, text, more string, lim Limits) {
	t.Helper()
	if CheckText(text) >= 0 {
		if err == nil {
			t.Fatalf("built with %q", text)
		}
		return
	}
	want, err2 := Build(h, TextElement("body", text)+more, lim)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("%v, but %v", err, err2)
	}
	if err != nil {
		return
	}
	if got.Header != want.Header || got.raw != want.raw || got.inner != want.inner || !reflect.DeepEqual(got.children, want.children) || got.extra != want.extra || got.rewrite != want.rewrite {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
	if body, ok := got.Body(); !ok || body != text {
		t.Fatalf("body %q", body)
	}
}

func TestBuildText(t *testing.T) {
	from, to := jid.MustParse("echo@bot.example.com"), jid.MustParse("u@example.com/r ä'<&\"")
	for _, text := range []string{"hi", "", " ", "a<b>&'\"]]>\r\n\t", "\x00", "\uFFFE", strings.Repeat("ä", 300)} {
		for _, h := range []Header{
			{Kind: Message, Type: "chat", ID: "a'b<\n", From: from, To: to},
			{Kind: Message, Lang: "de", To: to},
			{Kind: Presence, From: from, Type: "\x01"},
			{},
		} {
			sameAsBuild(t, h, text, Limits{})
			sameAsBuild(t, h, text, Limits{MaxBytes: 200})
		}
	}
}

func FuzzBuildText(f *testing.F) {
	f.Add("m1", "chat", "u@example.com/r", "hi")
	f.Fuzz(func(t *testing.T, id, typ, to, text string) {
		j, err := jid.Parse(to)
		if err != nil {
			return
		}
		sameAsBuild(t, Header{Kind: Message, Type: typ, ID: id, From: jid.MustParse("echo@bot.example.com"), To: j}, text, Limits{MaxBytes: 1000})
	})
}
