//go:build integration

package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A hundred agents wait for answers of a person, by each way to call tools. They have no slot of
// callers, and beside them messages go both ways and other agents act. Then each gets its own
// answer. What is said beside them is in testdata.
func TestToolsWaiting(t *testing.T) {
	const many = 100
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "tools"))
		said := harness.NewTranscript(t, harness.Between("", "", "", "@tools.localhost"), "alice")
		echo := harness.NewBot(t)
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: tools.localhost, server: %q, secret: %q}]
endpoints:
  - {name: echo, match: {to: echo@tools.localhost}, url: %q}
  - {name: agents, match: {to: "agent*@tools.localhost"}}
  - {name: other, match: {to: other@tools.localhost}}
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: agents, hash: %q, scopes: [send, events], endpoint: agents, from: ["agent*@tools.localhost"]}
    - {name: other, hash: %q, scopes: [send, events], endpoint: other, from: [other@tools.localhost]}
mcp: {enabled: true}
store: {dir: store}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, echo.URL(), harness.HashOf("agents"), harness.HashOf("other"))))
		alice, carol := harness.LoginBy(t, s, said.Through("alice", s.ClientAddr()).Addr(), "alice"), harness.Login(t, s, "carol")
		agents := &callers{t, p, nil, make(map[string]*sdk.ClientSession)}
		agents.client("agents") // of all that call by it
		answers := make([]chan called, many)
		for i := range many {
			answers[i] = make(chan called, 1)
			go func() {
				answers[i] <- ways[i%len(ways)].call(agents, "agents", "ask", fmt.Sprintf(`{"from":"agent%d@tools.localhost","to":"carol@localhost","question":"question %[1]d","wait":50}`, i))
			}()
		}
		for range many {
			carol.Await("a question", func(r lab.Received) bool { return r.Kind == "message" && strings.HasPrefix(r.Body, "question ") })
		}
		harness.Eventually(t, "all wait", func() bool { return metric(p, "stanzahook_http_waiting") == many })
		if used := metric(p, "stanzahook_http_slots_in_use"); used != 0 {
			t.Errorf("%v slots are in use", used)
		}

		said.Step("alice writes to a bot, whose webhook answers")
		alice.Send("<message type='chat' id='m' to='echo@tools.localhost'><body>are you there?</body></message>")
		alice.Await("the answer", func(r lab.Received) bool { return r.Kind == "message" && r.Body == "are you there?" })
		beside := &callers{t, p, said, make(map[string]*sdk.ClientSession)}
		for _, w := range ways {
			said.Step("another agent sends a message: " + w.name)
			if c := w.call(beside, "other", "send_message", fmt.Sprintf(`{"to":"alice@localhost","body":"hello by %s","wait":10}`, w.name)); c.failed {
				t.Error(c)
			}
			alice.Await("it", func(r lab.Received) bool { return r.Body == "hello by "+w.name })
		}
		said.Step("a program sends a message")
		if status, body := beside.post("other", "/v1/messages", `{"to":"alice@localhost","body":"hello"}`); status != http.StatusAccepted {
			t.Errorf("%d %s", status, body)
		}
		alice.Await("it", func(r lab.Received) bool { return r.Body == "hello" })
		said.Step("alice writes to the other agent, who waits for messages")
		alice.Send("<message type='chat' id='n' to='other@tools.localhost'><body>hello agent</body></message>")
		if c := beside.byTools("other", "wait_for_message", `{"wait":20}`); c.failed || !strings.Contains(c.text, `"text":"hello agent"`) {
			t.Error(c)
		}
		said.Compare("tools-waiting", kind, *update)

		for i := many - 1; i >= 0; i-- {
			carol.Send("<message type='chat' id='a%d' to='agent%[1]d@tools.localhost'><body>answer %[1]d</body></message>", i)
		}
		for i, c := range answers {
			var v struct{ Answer string }
			if got := <-c; got.failed || json.Unmarshal([]byte(got.text), &v) != nil || v.Answer != fmt.Sprint("answer ", i) {
				t.Errorf("%d: %+v", i, got)
			}
		}
		harness.Eventually(t, "nobody waits", func() bool { return metric(p, "stanzahook_http_waiting") == 0 })
	})
}
