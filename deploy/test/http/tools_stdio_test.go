//go:build integration

package http

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component/corrections"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// slix is alice with slixmpp, who talks with an agent.
type slix struct {
	*testing.T
	in  io.Writer
	out *json.Decoder
	n   int
}

// says sends a text to the agent.
func (s *slix) says(text string) {
	s.Helper()
	s.n++
	require.NoError(s, json.NewEncoder(s.in).Encode(map[string]any{"do": "say", "id": fmt.Sprint("say-", s.n), "to": agentBot, "body": text, "plain": true}))
}

// seen is a message as slixmpp reads it.
type seen struct{ From, ID, Body, Replace string }

// next waits for the next text of the agent.
func (s *slix) next(what string) seen {
	s.Helper()
	for { // without presence, and what a message has besides
		var v seen
		if err := s.out.Decode(&v); err != nil || v.Body != "" && v.From != agentBot {
			s.Fatalf("alice got %+v %v, and not %s", v, err, what)
		}
		if v.Body != "" {
			return v
		}
	}
}

// gets waits for the next text of the agent, which must be this one.
func (s *slix) gets(text string) seen {
	s.Helper()
	v := s.next(text)
	if v.Body != text {
		s.Fatalf("alice got %+v, and not %q", v, text)
	}
	return v
}

// An agent that starts "stanzahook mcp", in each version of the protocol: it connects, lists the
// tools, and talks with alice. Then clients die, or are lost without a word, while they wait, and
// after they have got a message: another one gets it. alice has slixmpp. What is said for it is in
// testdata.
func TestToolsByStdio(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "tools"))
		said := harness.NewTranscript(t, func(stanza string) bool {
			between := strings.Contains(stanza, "urn:xmpp:message-correct:0") && !strings.Contains(stanza, ">draft 60<") // which depend on the time
			return harness.Between("", "", "", agentBot)(stanza) && !between
		}, "alice")
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: tools.localhost, server: %q, secret: %q}]
endpoints: [{name: agent, match: {to: %q}, events: [message, correction, reaction, retraction]}]
bots: [{jid: %[3]s, name: Agent}]
http:
  listen: "127.0.0.1:0"
  tokens: [{name: agent, hash: %q, scopes: [send, events, rooms, admin], endpoint: agent, from: [%[3]s]}]
mcp: {enabled: true}
store: {dir: store}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, agentBot, harness.HashOf("agent"))))
		alice := &slix{T: t}
		alice.in, alice.out = harness.StartPerson(t, "../webhook/testdata/people.py", "alice", "slix", said.Through("alice", s.ClientAddr()).Addr())
		for said := any(nil); said != "ready"; { // her own presence may come before
			require.NoError(t, alice.out.Decode(&said))
		}
		x := &stdioAgents{T: t, p: p, said: said, alice: alice}
		for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", "1999-12-31"} {
			x.speaks(version)
		}
		x.edits()
		x.die()
		x.lost()
		said.Compare("agents-stdio", kind, *update)
	})
}

// stdioAgents are agents of one program, and alice.
type stdioAgents struct {
	*testing.T
	p      *harness.Program
	said   *harness.Transcript
	alice  *slix
	cursor string // of what the agents have heard
}

// hears fetches the one message that there is, and acknowledges the one before.
func (x *stdioAgents) hears(c *stdio, text string) {
	x.Helper()
	v := c.calls("wait_for_message", `{"wait":20,"cursor":%q}`, x.cursor)
	if len(v.Events) != 1 || v.Events[0].Text != text || v.Events[0].From != "alice@localhost/slix" || !v.Events[0].Untrusted {
		x.Fatalf("%+v, want %q", v, text)
	}
	x.cursor = v.Cursor
}

// connected starts a client that is connected, in no step.
func (x *stdioAgents) connected() *stdio {
	x.Helper()
	x.said.Step("")
	c := startStdio(x.T, x.p, x.said, "agent", "2025-11-25")
	c.connects()
	return c
}

// speaks has a client of a version of the protocol talk with alice.
func (x *stdioAgents) speaks(version string) {
	c := startStdio(x.T, x.p, x.said, "agent", version)
	x.said.Step(version + ": a client connects")
	c.connects()
	c.lists()
	x.said.Step(version + ": it writes to alice")
	c.calls("send_message", `{"to":"alice@localhost","body":"hello in %s","wait":10}`, version)
	x.alice.gets("hello in " + version)
	x.said.Step(version + ": alice writes, and it waits for messages")
	x.alice.says("hello " + version)
	x.hears(c, "hello "+version)
	x.said.Step(version + ": it asks alice")
	c.begins("ask", `{"to":"alice@localhost","question":"deploy %s?","options":["yes","no"],"wait":50}`, version)
	x.alice.gets("deploy " + version + "?\n1. yes\n2. no")
	x.said.Step(version + ": alice answers")
	x.alice.says("2")
	if v := c.gets().Result.StructuredContent; v.Answer != "no" || v.From != "alice@localhost/slix" {
		x.Errorf("%+v", v)
	}
	x.said.Step("")
	c.leaves()
}

// edits has an agent correct a message many times, without a pause.
func (x *stdioAgents) edits() {
	c := x.connected()
	x.said.Step("an agent writes to alice")
	v := c.calls("send_message", `{"to":"alice@localhost","body":"draft 0","wait":10}`)
	first := x.alice.gets("draft 0")
	x.said.Step("it corrects that sixty times: alice sees few of the corrections, and the last one")
	began := time.Now()
	x.said.Sent("stdio: edit_message, sixty times")
	c.said = harness.NewTranscript(x.T, nil) // the states depend on the time
	for i := range 60 {
		c.calls("edit_message", `{"ref":%q,"body":"draft %d"}`, v.Ref, i+1)
	}
	count := 0
	for last := ""; last != "draft 60"; count++ {
		h := x.alice.next("a correction")
		if last = h.Body; h.Replace != first.ID {
			x.Fatalf("%+v does not correct %+v", h, first)
		}
	}
	if most := 2 + int(time.Since(began)/corrections.Every); count > most { // the first at once, then one each time
		x.Errorf("%d corrections, want %d at most", count, most)
	}
	c.said = x.said
	x.said.Step("it writes once more: nothing comes between")
	c.calls("send_message", `{"to":"alice@localhost","body":"done","wait":10}`)
	x.alice.gets("done")
	x.said.Step("")
	c.leaves()
}

// waiting waits until so many calls wait.
func (x *stdioAgents) waiting(n float64) {
	x.Helper()
	harness.Eventually(x, fmt.Sprint(n, " wait"), func() bool { return metric(x.p, "stanzahook_http_waiting") == n })
}

// die has clients die.
func (x *stdioAgents) die() {
	c := x.connected()
	x.said.Step("a client dies while it waits for a message")
	c.begins("wait_for_message", `{"wait":50,"cursor":%q}`, x.cursor)
	x.waiting(1)
	c.dies()
	x.waiting(0)
	c = x.connected()
	x.said.Step("alice writes: another one gets it")
	x.alice.says("is somebody there?")
	cursor := x.cursor
	x.hears(c, "is somebody there?")
	x.said.Step("and dies: it has not acknowledged the message")
	c.dies()
	c, x.cursor = x.connected(), cursor
	x.said.Step("the next one gets it, and asks alice")
	x.hears(c, "is somebody there?")
	c.begins("ask", `{"to":"alice@localhost","question":"what is it?","wait":50}`)
	x.alice.gets("what is it?")
	x.waiting(1)
	x.said.Step("it dies while it waits for the answer")
	c.dies()
	x.waiting(0)
	c = x.connected()
	x.said.Step("alice answers: another one gets it as a message")
	x.alice.says("the disk is full")
	x.hears(c, "the disk is full")
	x.said.Step("")
	c.leaves()
}

// lost has a client by HTTP lost without a word, so that nobody knows that it is gone.
func (x *stdioAgents) lost() {
	x.said.Step("a client by HTTP is lost without a word while it waits")
	relay := harness.NewRelay(x, x.p.Addr)
	ctx, cancel := context.WithCancel(x.Context())
	x.Cleanup(cancel)
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"wait_for_message","arguments":{"wait":50,"cursor":%q}}}`, x.cursor)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+relay.Addr()+"/mcp", strings.NewReader(body))
	require.NoError(x, err)
	for name, value := range map[string]string{"Authorization": "Bearer agent", "Content-Type": harness.AsJSON, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"} {
		r.Header.Set(name, value)
	}
	x.said.Sent("POST /mcp " + brief([]byte(body)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(r); err == nil { // it ends with the test
			x.Errorf("the lost client got %d", resp.StatusCode)
			_ = resp.Body.Close()
		}
	}()
	x.waiting(1)
	end := relay.Lose()
	x.said.Step("alice writes: the answer to that client is lost")
	x.alice.says("do you hear me?")
	x.waiting(0)
	c := x.connected()
	x.said.Step("another one waits for messages, and gets it")
	x.hears(c, "do you hear me?")
	c.leaves()
	cancel()
	<-done
	end()
}
