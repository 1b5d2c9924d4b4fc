package postmsg

import (
	"strings"
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Whatever comes: what goes out is one message from the sender, to one address,
// with nothing in it but a body and XHTML.
func FuzzNote(f *testing.F) {
	f.Add("user", "chat", "text", "<p>rich</p>")
	f.Add("a@b/c", "", "\x00", "<body xmlns='http://www.w3.org/1999/xhtml'/>")
	f.Add("@", "error", "</body>", "</message><message>")
	f.Add("x", "normal", "", "<html xmlns='http://jabber.org/protocol/xhtml-im'><body/></html>")
	f.Add("x", "normal", "", "<!-- --><x:body xmlns:x='y'/>&amp;")
	f.Add("x", "normal", "", "<body xmlns=\"http://www.w3.org/1999/xhtml\"></body><body/>")
	from := jid.MustParse("me@example.com")
	f.Fuzz(func(t *testing.T, to, kind, body, html string) {
		s, fault := note{to: to, kind: kind, body: &body, html: &html}.build(from, stanza.Limits{})
		if fault != nil {
			if fault.Status < 400 || fault.Text == "" {
				t.Errorf("%+v", fault)
			}
			return
		}
		if _, err := stanza.Parse(s.XML(), stanza.Limits{}); err != nil || s.From != from || s.ClaimsPrivilege() {
			t.Errorf("%s: %v", s.XML(), err)
		}
		for _, c := range s.Children() {
			if c.Local != "body" && (c.Local != "html" || c.Space != nsXHTMLIM) {
				t.Errorf("<%s> in %s", c.Local, s.XML())
			}
		}
		if got, _ := s.Body(); got != strings.ReplaceAll(body, "\r\n", "\n") && !strings.Contains(body, "\r") {
			t.Errorf("the body %q became %q", body, got)
		}
	})
}
