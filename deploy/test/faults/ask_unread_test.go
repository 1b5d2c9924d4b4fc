//go:build integration

package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// An agent that asks a person stops reading in the middle of the answer, and keeps its connection:
// it does not have the answer, so that comes by wait_for_message when nothing was read for as long as
// an answer may take. The next question of that agent has an answer of its own.
func TestAskUnread(t *testing.T) {
	const bot = "unread@asked.localhost"
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: asked.localhost, server: %q, secret: %q}]
endpoints: [{name: agent, match: {to: %q}}]
http:
  listen: 127.0.0.1:0
  tokens: [{name: agent, hash: %q, scopes: [send, events], endpoint: agent, from: [%s]}]
store: {dir: store}
`, s.ComponentAddr(), harness.Secret, bot, harness.HashOf("agent"), bot)))
		alice := harness.Login(t, s, "victor")
		bare, _, _ := strings.Cut(alice.JID(), "/")
		c := harness.DialSlowly(t, p.Addr)
		body := fmt.Sprintf(`{"to":%q,"question":"large?","wait":50}`, bare)
		fmt.Fprintf(c, "POST /v1/tools/ask HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer agent\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		alice.Await("the question", func(r lab.Received) bool { return r.Body == "large?" })
		large := "large" + strings.Repeat(" x", 20_000)
		alice.Send("<message type='chat' id='a' to='%s'><body>%s</body></message>", bot, large)
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		var page struct {
			Events []struct{ Text string }
			Cursor string
		}
		harness.Eventually(t, "the answer comes by wait_for_message", func() bool {
			r, err := p.Call("POST", "/v1/tools/wait_for_message", "agent", harness.AsJSON, `{"wait":1}`)
			if err != nil || r.Status != 200 || json.Unmarshal([]byte(r.Body), &page) != nil {
				t.Fatal(err, r)
			}
			return len(page.Events) > 0
		})
		if len(page.Events) != 1 || page.Events[0].Text != large {
			t.Errorf("%.200v", page.Events)
		}
		if r, err := p.Call("POST", "/v1/endpoints/agent/events/ack", "agent", harness.AsJSON, fmt.Sprintf(`{"cursor":%q}`, page.Cursor)); err != nil || r.Status != 204 {
			t.Fatal(err, r)
		}
		answer := make(chan string)
		go func() {
			r, err := p.Call("POST", "/v1/tools/ask", "agent", harness.AsJSON, fmt.Sprintf(`{"to":%q,"question":"small?","wait":50}`, bare))
			answer <- fmt.Sprint(r.Body, err)
		}()
		alice.Await("the next question", func(r lab.Received) bool { return r.Body == "small?" })
		alice.Send("<message type='chat' id='b' to='%s'><body>small</body></message>", bot)
		if got := <-answer; !strings.Contains(got, `"answer":"small"`) {
			t.Errorf("%.300s", got)
		}
	})
}
