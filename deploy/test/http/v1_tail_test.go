//go:build integration

package http

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A reader of the tail sees the life of two messages as it happens: one that the bot
// answers at the second attempt, and one that it refuses.
func TestV1Tail(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		p := harness.LaunchLinked(t, harness.OneComponent(s, "v1", b).Write(t, t.TempDir()))
		v1Tail(t, p, b, harness.User{Client: harness.Login(t, s, "ivan").Client, T: t})
	})
}

func v1Tail(t *testing.T, p *harness.Program, b *harness.Bot, u harness.User) {
	failed := false
	b.AnswerWith(func(h *harness.Hook) (int, string, string) {
		switch {
		case h.Body == "refused":
			return 422, "text/plain", "no such thing"
		case !failed:
			failed = true
			return 500, "text/plain", "not yet"
		}
		return harness.EchoAnswer(h)
	})
	tail := harness.OpenTail(t, p, "kinds=delivery,endpoint&endpoint=echo")
	var life []string
	see := func(n int) (id string) {
		t.Helper()
		for range n {
			e := tail.Next()
			var d struct {
				ID, State, Type, From, To string
				Attempt                   *struct{ N, Status int }
			}
			if err := json.Unmarshal([]byte(e["data"]), &d); err != nil || e["id"] == "" {
				t.Fatalf("%v: %v", e, err)
			}
			line := e["event"] + " " + d.State
			if d.Attempt != nil {
				line += fmt.Sprintf(" %d %d", d.Attempt.N, d.Attempt.Status)
			}
			if e["event"] == "delivery" {
				id = d.ID
				if d.Type != "message.chat" || d.From != u.JID() || d.To != "x@v1.localhost" {
					t.Errorf("%v", e)
				}
			}
			life = append(life, line)
		}
		return id
	}
	send := func(text string) {
		u.Send("<message type='chat' to='x@v1.localhost' id='%s'><body>%s</body></message>", text, text)
	}
	send("patience")
	see(5)
	u.Await("the answer", func(r lab.Received) bool {
		return r.Kind == "message" && r.From == "x@v1.localhost" && r.Type == "chat"
	})
	send("refused")
	id := see(2)
	u.Await("the refusal", func(r lab.Received) bool { return r.Kind == "message" && r.ID == "refused" && r.Type == "error" })
	if got := strings.Join(life, ", "); got != "delivery queued, delivery retrying 1 500, endpoint failing, delivery delivered 2 200, endpoint ok, delivery queued, delivery dead 1 422" {
		t.Error(got)
	}
	if r, err := p.Call("GET", "/v1/deliveries/"+id, "token-admin", "", ""); err != nil || r.Status != 200 || !strings.Contains(r.Body, `"state":"dead"`) {
		t.Errorf("%v %+v", err, r)
	}
}
