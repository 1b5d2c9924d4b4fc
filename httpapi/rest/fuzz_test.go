package rest_test

import (
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// FuzzPost checks that no body makes the surface fail, and that whatever is sent
// is one stanza from us to somebody.
func FuzzPost(f *testing.F) {
	for _, body := range []string{
		hello, ping, `<message xmlns='jabber:client' to='u@example.com' xmlns:a='urn:a' a:b='c'><a:x xmlns=''/></message>`,
		`<iq type='set' to='x'><![CDATA[y]]><q xmlns='jabber:client'/></iq>`, `<presence to='@' from=' '/>`,
		`{"to":"u@example.com","body":"x","thread":"&"}`, `{"kind":"iq","type":"get","to":"a","error":{"text":"\u0000"}}`,
		`{"to":"ß@ﬁ.example","from":"x@bot.example.com/é","id":"'\"<>","lang":"x"}`,
	} {
		f.Add(body, true)
		f.Add(body, false)
	}
	f.Fuzz(func(t *testing.T, body string, asJSON bool) {
		n := &network{}
		contentType := xmlType
		if asJSON {
			contentType = jsonType
		}
		w := post(surface(n), contentType, body)
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code >= 400 && len(n.sent) > 0 || w.Code < 300 && len(n.sent) != 1 {
			t.Fatalf("%d and %d stanzas sent", w.Code, len(n.sent))
		}
		for _, s := range n.sent {
			again, err := stanza.Parse(s.XML(), stanza.Limits{})
			if err != nil {
				t.Fatalf("sent %q: %v", s.XML(), err)
			}
			if again.From.Domain() != "bot.example.com" || again.To.IsZero() || again.ID == "" || again.Header != s.Header {
				t.Fatalf("sent %q", s.XML())
			}
			if _, err := jid.Parse(again.To.String()); err != nil {
				t.Fatalf("sent %q: %v", s.XML(), err)
			}
			if again.ClaimsPrivilege() {
				t.Fatalf("sent a privilege: %q", s.XML())
			}
		}
	})
}
