//go:build integration

package http

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

func chatBody(to, text string) string { return fmt.Sprintf(`{"to":%q,"body":%q}`, to, text) }

func TestV1(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		dir, c := t.TempDir(), harness.OneComponent(s, "v1", b)
		p := harness.LaunchLinked(t, c.Write(t, dir))
		ivan := harness.Login(t, s, "ivan")
		bare, _, _ := strings.Cut(ivan.JID(), "/")
		t.Run("messages", func(t *testing.T) { v1Messages(t, p, b, harness.User{Client: ivan.Client, T: t}, bare) })
		t.Run("queries", func(t *testing.T) { v1Queries(p, ivan.JID()) })
		t.Run("presence", func(t *testing.T) {
			p.V1(202, "/v1/presence", fmt.Sprintf(`{"to":%q,"from":"p@v1.localhost/x","status":"here"}`, ivan.JID()))
			got := ivan.Await("the presence", func(r lab.Received) bool { return r.Kind == "presence" && r.From == "p@v1.localhost/x" })
			if !strings.Contains(got.Inner, "here") {
				t.Errorf("%+v", got)
			}
		})
		t.Run("status", func(t *testing.T) {
			st := p.V1(200, "/v1/status", "")
			if len(st.Links) != 1 || st.Links[0].Component != "v1.localhost" || st.Links[0].State != "up" || len(st.Endpoints) != 1 || st.Endpoints[0].State != "ok" || st.Store.Full || st.Store.Bytes == 0 {
				t.Errorf("%+v", st)
			}
		})
		t.Run("once", func(t *testing.T) {
			v1Once(t, p, harness.User{Client: ivan.Client, T: t}, bare, func() *harness.Program { return harness.LaunchIn(t, dir, c) })
		})
	})
}

func v1Messages(t *testing.T, p *harness.Program, b *harness.Bot, u harness.User, bare string) {
	arrives := func(text, id string) {
		t.Helper()
		m := u.Await(text, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text })
		if m.Type != "chat" || m.From != "v1.localhost" || m.ID != id {
			t.Errorf("%s: %+v", text, m)
		}
	}
	sent := p.V1(202, "/v1/messages", chatBody(bare, "first <ü>"))
	if sent.State != "confirmed" {
		t.Errorf("%+v", sent)
	}
	arrives("first <ü>", sent.ID)
	if st := p.V1(200, "/v1/messages/"+sent.ID, ""); st.State != "confirmed" || st.ID != sent.ID {
		t.Errorf("%+v", st)
	}
	truth := p.V1(200, "/v1/messages?wait=10s", chatBody(bare, "second"))
	if truth.State != "confirmed" {
		t.Errorf("%+v", truth)
	}
	arrives("second", truth.ID)

	// to a user that is not there
	bounced := p.V1(422, "/v1/messages?wait=10s", chatBody("nobody@localhost", "lost"))
	if bounced.Condition == "" || bounced.Error == nil || bounced.Error.Condition != bounced.Condition || bounced.ID == "" {
		t.Errorf("%+v", bounced)
	}
	isBounced := func(id string) {
		t.Helper()
		harness.Eventually(t, "the message is known to be bounced", func() bool {
			st := p.V1(200, "/v1/messages/"+id, "")
			return st.State == "bounced" && st.Error != nil && st.Error.Condition == bounced.Condition
		})
	}
	isBounced(bounced.ID)
	unasked := p.V1(202, "/v1/messages", chatBody("nobody@localhost", "lost too"))
	isBounced(unasked.ID)
	harness.Eventually(t, "the bounce nobody waited for is an event", func() bool {
		for _, h := range b.Got() {
			if h.Stanza == bounced.ID {
				t.Fatal("the bounce that the caller got is an event too")
			}
			if h.Event == "message.error" && h.Stanza == unasked.ID {
				return true
			}
		}
		return false
	})
	p.V1(404, "/v1/messages/unknown", "")
}

func v1Queries(p *harness.Program, full string) {
	pong := p.V1(200, "/v1/iq", fmt.Sprintf(`{"to":%q,"ping":true}`, full))
	if pong.Kind != "iq" || pong.Type != "result" || pong.From != full {
		p.T.Errorf("%+v", pong)
	}
	if refused := p.V1(422, "/v1/iq", fmt.Sprintf(`{"to":"%s-away","ping":true}`, full)); refused.Condition != "service-unavailable" || refused.Error == nil {
		p.T.Errorf("%+v", refused)
	}
}

// v1Once repeats requests, also over a kill.
func v1Once(t *testing.T, p *harness.Program, u harness.User, bare string, again func() *harness.Program) {
	first := p.V1Raw("/v1/messages", chatBody(bare, "once"), "Idempotency-Key", "k-1")
	for _, restart := range []bool{false, true} {
		if restart {
			p.Kill()
			p = again()
			p.AwaitLinks(1)
		}
		r := p.V1Raw("/v1/messages", chatBody(bare, "once"), "Idempotency-Key", "k-1")
		if first.Status != 202 || r.Status != first.Status || r.Body != first.Body || r.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("after a kill %v: %d %s, before that %d %s", restart, r.Status, r.Body, first.Status, first.Body)
		}
		p.V1(422, "/v1/messages", chatBody(bare, "another"), "Idempotency-Key", "k-1")
	}
	p.V1(200, "/v1/messages?wait=10s", chatBody(bare, "behind all"))
	var texts []string
	u.Await("what is behind all", func(r lab.Received) bool {
		if r.Kind == "message" {
			texts = append(texts, r.Body)
		}
		return r.Body == "behind all"
	})
	if got := strings.Join(texts, ", "); got != "once, behind all" {
		t.Errorf("arrived: %s", got)
	}
}
