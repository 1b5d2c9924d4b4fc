//go:build integration

package link

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What a bot may answer, what it may not, and what its users see of that.
func TestAnswers(t *testing.T) {
	const text, json, xmpp = "text/plain; charset=utf-8", "application/json", "application/xmpp+xml"
	tests := []struct {
		name, media, body string
		status            int
		want              []string // bodies of replies; "!" and a condition for an error
	}{
		{"text", text, "hi <there>", 200, []string{"hi <there>"}},
		{"several", json, `[{"body":"one"},{"body":"two"},{"body":"three"}]`, 200, []string{"one", "two", "three"}},
		{"stanza", xmpp, "<message from='x@elsewhere.localhost' to='y@elsewhere.localhost'><body>always back</body></message>", 200, []string{"always back"}},
		{"nothing", "", "", 204, nil},
		{"a web page", "text/html", "<html>", 200, nil},
		{"an object without a known key", json, `{"ok":true}`, 200, nil},
		{"broken JSON", json, `{"body":`, 200, []string{"!internal-server-error"}},
		{"broken XML", xmpp, "<message><body>", 200, []string{"!internal-server-error"}},
		{"colours of a terminal", json, `{"body":"\u001b[32mactive\u001b[0m"}`, 200, []string{"\ufffd[32mactive\ufffd[0m"}},
		{"a JSON string", json, `"ok"`, 200, []string{"ok"}},
		{"a JSON number", json, `42`, 200, nil},
		{"ISO-8859-1", "text/plain; charset=iso-8859-1", "gr\xfcn", 200, []string{"grün"}},
		{"ElementTree", xmpp, `<?xml version='1.0' encoding='us-ascii'?>` + "\n" + `<ns0:message xmlns:ns0="jabber:client"><ns0:body>hi &#228;</ns0:body></ns0:message>`, 200, []string{"hi ä"}},
		{"a large reply", text, strings.Repeat("x", 300_000), 200, []string{"!internal-server-error"}},
		{"a very large answer", text, strings.Repeat("x", 2_000_000), 200, []string{"!internal-server-error"}},
		{"privileges", xmpp, "<message><privilege xmlns='urn:xmpp:privilege:2'/></message>", 200, []string{"!internal-server-error"}},
		{"bad request", "", "", 400, []string{"!bad-request"}},
		{"last", text, "bye", 200, []string{"bye"}},
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			for _, tc := range tests {
				if tc.name == h.Body {
					return tc.status, tc.media, tc.body
				}
			}
			return 500, "", ""
		})
		p := harness.LaunchConnected(t, harness.OneComponent(s, "answer", b))
		bob := harness.Login(t, s, "bob")
		for _, tc := range tests { // one conversation: the answers come in order
			bob.Send("<message to='bot@answer.localhost' type='chat' id='%s'><body>%s</body></message>", tc.name, tc.name)
		}
		for _, tc := range tests {
			for _, want := range tc.want {
				r := bob.Await(tc.name, func(r lab.Received) bool { return r.Kind == "message" })
				got := r.Body
				if r.Type == "error" {
					got = "!" + r.Error
				}
				if got != want || r.From != "bot@answer.localhost" || r.Type == "error" && r.ID != tc.name {
					t.Fatalf("%s: instead of %.60q came %.300s (%s, id %s, from %s)", tc.name, want, got, r.Type, r.ID, r.From)
				}
			}
		}
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections, want one", n)
		}
		if n := len(b.Got()); n != len(tests) {
			t.Errorf("%d requests for %d messages", n, len(tests))
		}
	})
}
