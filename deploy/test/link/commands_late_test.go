//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const lateConfig = `
commands:
  - node: slow
    name: Slow
    bots: [echo@event.localhost]
    allow: ["*@localhost"]
    url: %[1]s
    form: {fields: [{name: n, type: text, required: true}]}
  - {node: hasty, name: Hasty, bots: [echo@event.localhost], allow: ["*@localhost"], url: "%[1]s", timeout: 5s, chat: /hasty}
  - node: deploy
    name: Deploy
    bots: [echo@event.localhost]
    allow: [alice@localhost]
    url: %[1]s
    chat: /deploy
    form: {fields: [{name: env, type: list, options: {staging: Staging, prod: Production}, required: true}]}
`

// lateHook is a webhook that answers when it is told to.
type lateHook struct {
	t       *testing.T
	asked   chan lateRequest
	answers chan string
	wrote   chan struct{} // an answer was given
}

type lateRequest struct {
	data  map[string]any
	ended <-chan struct{} // nobody waits for the answer any more
}

// newLateHook returns a webhook, and its address.
func newLateHook(t *testing.T, said *harness.Transcript) (*lateHook, string) {
	t.Helper()
	h := &lateHook{t, make(chan lateRequest, 10), make(chan string, 10), make(chan struct{}, 10)}
	end := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct{ Data map[string]any }
		raw, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(raw, &ev)
		}
		data, wrong := json.Marshal(ev.Data)
		if err != nil || wrong != nil {
			t.Errorf("%s %v %v", raw, err, wrong)
		}
		said.Got(string(data))
		h.asked <- lateRequest{ev.Data, r.Context().Done()}
		select {
		case answer := <-h.answers:
			w.Header().Set("Content-Type", harness.AsJSON)
			_, _ = io.WriteString(w, answer) // it may be that nobody reads it
			h.wrote <- struct{}{}
		case <-end:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(end) })
	return h, server.URL
}

// take waits for something of the webhook.
func take[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(harness.Patience):
		t.Fatalf("in vain: %s", what)
	}
	return v
}

// tooLate lets the webhook answer when nobody waits any more, and returns what it was asked.
func (h *lateHook) tooLate(answer string) map[string]any {
	h.t.Helper()
	r := take(h.t, "the request", h.asked)
	take(h.t, "the end of the request", r.ended)
	h.answers <- answer
	take(h.t, "the late answer", h.wrote)
	return r.data
}

// What people see of a webhook that does not answer in time, or of which they do not wait for the
// answer: errors, what comes later, runs that are canceled or of an earlier process; and which
// commands /help lists. On both servers; alice and bob have slixmpp. What is said for it is in testdata.
func TestCommandsLate(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		said := harness.NewTranscript(t, harness.Between("", "", "", "echo@event.localhost"), "alice", "bob")
		hook, address := newLateHook(t, said)
		s := harness.StartServer(t, harness.ServerOptions(kind, "event"))
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		c.More = fmt.Sprintf(lateConfig, address)
		file := c.Write(t, t.TempDir())
		p := harness.LaunchLinked(t, file)
		alice := runCommands(t, said.Through("alice", s.ClientAddr()).Addr(), "alice", "echo@event.localhost")
		bob := runCommands(t, said.Through("bob", s.ClientAddr()).Addr(), "bob", "echo@event.localhost")
		alice.said, bob.said = said, said
		api := func(step, method, media, body string, status int) {
			t.Helper()
			said.Step(step)
			if r := said.CallBy(p, "token-admin", method, "/v1/commands/uptime", media, body); r.Status != status {
				t.Error(r)
			}
		}

		// What /help lists: commands of the configuration and of the API, those that one may run.
		const ofFile = "Commands:\n/deploy env=… - Deploy\n/hasty - Hasty"
		alice.is("help", alice.do(`{"say":"/help"}`).Body, ofFile)
		api("a command is made by the API", "PUT", harness.AsJSON, fmt.Sprintf(`{"name":"Uptime","bots":["echo@event.localhost"],"allow":["*@localhost"],"url":%q,"chat":"/uptime"}`, address), 201)
		alice.is("nodes", alice.do(`{"list":true}`).Nodes, []string{"deploy", "hasty", "slow", "uptime"})
		alice.is("help with that of the API", alice.do(`{"say":"/help"}`).Body, ofFile+"\n/uptime - Uptime")
		bob.is("help for another", bob.do(`{"say":"/help"}`).Body, "Commands:\n/hasty - Hasty\n/uptime - Uptime")
		api("it is deleted", "DELETE", "", "", 204)
		alice.is("help without it", alice.do(`{"say":"/help"}`).Body, ofFile)

		// The timeout that commands have by default, 15 s, and the answer that comes after it. The
		// step can be sent again, and gets the answer to that.
		slow := func(action, n, more string) ran {
			t.Helper()
			if n != "" {
				n = fmt.Sprintf(`,"values":{"n":%q}`, n)
			}
			return alice.do(`{"run":"slow","session":"%s","action":"%s"%s%s}`, alice.session, action, n, more)
		}
		begin := func() {
			t.Helper()
			alice.session = alice.do(`{"run":"slow"}`).Session
		}
		begin()
		late := slow("complete", "1", "")
		alice.is("no answer", []string{late.Type, late.Error, late.Text}, []string{"wait", "remote-server-timeout", "the service has not answered in time"})
		first := hook.tooLate(`"Too late."`)
		if r, err := p.Call("GET", "/v1/commands/slow/runs", "token-admin", "", ""); err != nil || !strings.Contains(r.Body, `"result":"timeout"`) || !strings.Contains(r.Body, "15s") {
			t.Error(r, err)
		}
		hook.answers <- `"Done now."`
		again := slow("complete", "1", "")
		alice.is("the step again", []any{again.Status, again.Notes}, []any{"completed", [][]string{{"info", "Done now."}}})
		take(t, "the answer", hook.wrote)
		second := take(t, "the step again", hook.asked).data
		alice.is("which it is", []any{second["session"], second["step"]}, []any{first["session"], first["step"]})

		// The same as a line of a chat: what she hears next is not the late answer.
		alice.is("no answer in a chat", alice.do(`{"say":"/hasty"}`).Body, "the service has not answered in time")
		hook.tooLate(`"Too late."`)
		alice.is("what she hears next", alice.do(`{"say":"hello"}`).Body, "hello")

		// A run that is canceled while the webhook is asked. What it has done is said; it asks no more.
		for _, x := range []struct {
			answer string
			came   []any
		}{
			{`"It is done all the same."`, []any{"completed", [][]string{{"info", "It is done all the same."}}, []string(nil)}},
			{`{"form":{"fields":[{"name":"sure","type":"boolean"}]}}`, []any{"", [][]string(nil), []string{"bad-sessionid"}}},
		} {
			begin()
			slow("complete", "2", `,"quiet":true`)
			take(t, "the request", hook.asked)
			more := slow("complete", "3", "")
			alice.is("one more step meanwhile", []string{more.Type, more.Error}, []string{"wait", "unexpected-request"})
			alice.is("cancel", slow("cancel", "", "").Status, "canceled")
			hook.answers <- x.answer
			came := alice.do(`{"came":true}`)
			alice.is("what comes of the step", []any{came.Status, came.Notes, came.Detail}, x.came)
			take(t, "the answer", hook.wrote)
			alice.is("the canceled run", slow("complete", "4", "").Detail, []string{"bad-sessionid"})
		}
		alice.is("question", alice.do(`{"say":"/deploy"}`).Body, "env?\n- staging: Staging\n- prod: Production\n(/cancel ends this)")
		alice.is("cancel in a chat", alice.do(`{"say":"/cancel"}`).Body, "Canceled.")
		alice.is("no answer to the question any more", alice.do(`{"say":"prod"}`).Body, "prod")

		// A run of an earlier process.
		begin()
		alice.said = nil
		said.Step("")
		p.StopWell()
		p = harness.LaunchLinked(t, file)
		alice.said = said
		alice.is("after a restart", slow("complete", "5", "").Detail, []string{"bad-sessionid"})
		if len(hook.asked) > 0 {
			t.Error("the webhook was asked about runs that have ended")
		}
		said.Compare("commands-late", kind, *update)
	})
}
