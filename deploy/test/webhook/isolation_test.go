//go:build integration

package webhook

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A bot that writes to itself stops after five answers, whatever it writes into
// them; nobody outside can count for it; and a caller may begin thirty times a minute.
func TestLoopsEnd(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if h.Type == "error" {
				return 204, "", ""
			}
			return 200, "application/xmpp+xml", "<message><body>again</body><hops xmlns='urn:stanzahook:hops:0'>0</hops></message>"
		})
		p := harness.LaunchConnected(t, harness.OneComponent(s, "event", b))
		const self = `{"from":"echo@event.localhost","to":"echo@event.localhost","body":"hi","xml":"<hops xmlns='urn:stanzahook:hops:0'>4</hops>"}`
		r, err := p.Call("POST", "/v1/messages", "token-all", harness.AsJSON, self)
		if err != nil || r.Status != 202 {
			t.Fatalf("%+v %v", r, err)
		}
		var list string
		harness.Eventually(t, "the dead letter", func() bool {
			r, err := p.Call("GET", "/v1/dead-letters", "token-admin", "", "")
			list = r.Body
			return err == nil && strings.Contains(list, `"loop"`)
		})
		harness.Eventually(t, "the error that says so", func() bool {
			got := b.Got()
			return len(got) > 0 && got[len(got)-1].Type == "error"
		})
		if got := b.Got(); len(got) != 7 { // one that was sent, five answers, and the error
			t.Errorf("%d requests", len(got))
		}

		alice := harness.Login(t, s, "alice")
		alice.Send("<message to='echo@event.localhost' type='chat' id='forged'><body>hi</body><hops xmlns='urn:stanzahook:hops:0'>99</hops></message>")
		if got := alice.Await("the answer to who counts by himself", func(r lab.Received) bool { return r.Kind == "message" }); got.Body != "again" || strings.Contains(got.Inner, "hops") {
			t.Errorf("%+v", got)
		}

		b.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
		refused := 0
		for i := range 40 {
			path, body := "/v1/messages", self
			if i%2 == 1 {
				path, body = "/rest", `{"kind":"message","from":"echo@event.localhost","to":"echo@event.localhost","body":"hi"}`
			}
			r, err := p.Call("POST", path, "token-all", harness.AsJSON, body)
			switch {
			case err != nil:
				t.Fatal(err)
			case r.Status == 429 && r.Header.Get("Retry-After") != "":
				refused++
			case r.Status != 202:
				t.Fatalf("%s: %d %s", path, r.Status, r.Body)
			}
		}
		if refused != 11 { // with the first
			t.Errorf("%d of 41 messages in a minute were refused", refused)
		}
	})
}

// A message of a type that there is not is a normal one (RFC 6121, 5.2.2), and such a
// presence is refused, also where the server passes them on.
func TestTypesThatThereAreNot(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		p := harness.LaunchConnected(t, harness.OneComponent(s, "event", harness.NewBot(t)))
		alice := harness.Login(t, s, "alice")
		alice.Send("<presence to='echo@event.localhost' type='..' id='odd'/>")
		if got := alice.Await("the refusal", func(r lab.Received) bool { return r.Kind == "presence" && r.Type == "error" }); got.Error != "bad-request" {
			t.Errorf("%+v", got)
		}
		alice.Send("<message to='echo@event.localhost' type='..' id='odd'><body>hi</body></message>")
		alice.Await("the answer", func(r lab.Received) bool { return r.Kind == "message" && r.Body == "hi" })
		harness.Eventually(t, "the event", func() bool {
			r, err := p.Call("GET", "/v1/deliveries?jid=alice@localhost", "token-admin", "", "")
			return err == nil && strings.Contains(r.Body, `"message.normal"`)
		})
	})
}
