//go:build integration

package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// An agent asks a person (the tool ask), and we are killed with the answer on its way to the
// agent: what it does not have comes by wait_for_message. What it has does so at most once more,
// with the same ref.
func TestAskKilled(t *testing.T) {
	const bot = "agent@asked.localhost"
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: asked.localhost, server: %q, secret: %q}]
endpoints: [{name: agent, match: {to: %q}}]
http:
  listen: 127.0.0.1:0
  tokens: [{name: agent, hash: %q, scopes: [send, events], endpoint: agent, from: [%s]}]
mcp: {enabled: true}
store: {dir: store}
`, s.ComponentAddr(), harness.Secret, bot, harness.HashOf("agent"), bot))
		alice := harness.Login(t, s, "trent")
		bare, _, _ := strings.Cut(alice.JID(), "/")
		var p *harness.Program
		// asks sends a question, which alice answers, and returns the connection that the answer
		// comes by. The agent takes it slowly.
		asks := func(path, tool, n, answer string) net.Conn {
			t.Helper()
			c := harness.DialSlowly(t, p.Addr)
			body := fmt.Sprintf(tool, fmt.Sprintf(`{"to":%q,"question":"question %s","wait":50}`, bare, n))
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer agent\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
			alice.Await("question "+n, func(r lab.Received) bool { return r.Kind == "message" && r.Body == "question "+n })
			alice.Send("<message type='chat' id='a%s' to='%s'><body>%s</body></message>", n, bot, answer)
			return c
		}
		// comes returns what wait_for_message returns, which is acknowledged.
		comes := func() (texts []string) {
			t.Helper()
			var page struct {
				Events []struct{ Text string }
				Cursor string
			}
			r, err := p.Call("POST", "/v1/tools/wait_for_message", "agent", harness.AsJSON, `{"wait":1}`)
			if err != nil || r.Status != 200 {
				t.Fatal(err, r)
			}
			if err := json.Unmarshal([]byte(r.Body), &page); err != nil {
				t.Fatal(err)
			}
			if r, err = p.Call("POST", "/v1/endpoints/agent/events/ack", "agent", harness.AsJSON, fmt.Sprintf(`{"cursor":%q}`, page.Cursor)); err != nil || r.Status != 204 {
				t.Fatal(err, r)
			}
			for _, e := range page.Events {
				texts = append(texts, e.Text)
			}
			return texts
		}
		for i, way := range []struct{ path, tool string }{
			{"/v1/tools/ask", "%s"},
			{"/mcp", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"ask","arguments":%s}}`},
		} {
			p = harness.LaunchLinked(t, file)
			n := fmt.Sprint(i)
			large := "large " + n + strings.Repeat(" x", 20_000)
			c := asks(way.path, way.tool, n, large)
			if _, err := io.ReadFull(c, make([]byte, 1)); err != nil { // the answer is on its way
				t.Fatal(err)
			}
			p.Kill()
			p = harness.LaunchLinked(t, file)
			if got := comes(); len(got) != 1 || got[0] != large {
				t.Errorf("%s: of an answer that the agent does not have came %.80q", way.path, got)
			}

			small := "small " + n
			line, err := bufio.NewReader(asks(way.path, way.tool, "again "+n, small)).ReadString('}')
			p.Kill()
			if err != nil || !strings.Contains(line, `\"answer\":\"`+small) && !strings.Contains(line, `"answer":"`+small) {
				t.Errorf("%s: %s %v", way.path, line, err)
			}
			p = harness.LaunchLinked(t, file)
			got := slices.DeleteFunc(comes(), func(text string) bool { return text == large }) // acknowledged just before the kill
			if len(got) > 1 || len(got) == 1 && got[0] != small {
				t.Errorf("%s: after an answer that the agent has came %.80q", way.path, got)
			}
			p.StopWell()
		}
	})
}
