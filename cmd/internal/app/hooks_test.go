package app

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	tools "stanzahook/pkg/hook"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
)

// alertsHook is a hook in a configuration; its secret is its name.
func alertsHook(name, adapter, more string) string {
	return fmt.Sprintf("{name: %s, adapter: %s, secret_hash: \"sha256:%x\", from: alerts@bot.example.com, to: [juliet@example.com]%s}", name, adapter, sha256.Sum256([]byte(name)), more)
}

// What a tool posts is a message to a user. A reload adds and removes hooks, whose counts
// stay; a template with a mistake is rejected as a whole.
func TestHooks(t *testing.T) {
	x := startApp(t, noAuth+"hooks: ["+alertsHook("alerts", "alertmanager", "")+"]\n")
	post := func(path, body string, want int) {
		t.Helper()
		x.request("POST", path, body, want, "")
	}
	post("/hooks/alerts/alerts", string(tools.Sample("alertmanager").Body), 202)
	text := "🔥 FIRING (critical) ProbeFailure on https://www.example.org\nProbe failure: https://www.example.org\nInstance https://www.example.org has been down for over 5m.\nhttp://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0&g0.tab=1"
	x.hears("juliet", text)
	post("/hooks/alerts/wrong", "{}", 401)
	post("/hooks/text/text", "not there yet", 401)

	x.reloads(noAuth+"hooks: ["+alertsHook("alerts", "alertmanager", "")+", "+alertsHook("text", "text", "")+"]\n", "hooks")
	post("/hooks/text/text", "there now", 202)
	x.hears("juliet", "there now")
	if _, err := x.reload(noAuth + "hooks: [" + alertsHook("text", "text", ", template: \"{{range 5}}{{end}}\"") + "]\n"); err == nil || !strings.Contains(fmt.Sprintf("%+v", err), "configuration") {
		t.Errorf("a template that ranges over a number: %v", err)
	}
	post("/hooks/alerts/alerts", string(tools.Sample("alertmanager").Body), 202) // the same state: not sent again
	if all := x.hooks.All(); len(all) != 2 || all[0].Requests != 2 || all[0].Sent != 1 || all[1].Sent != 1 {
		t.Errorf("%+v", all)
	}
	x.reloads(noAuth+"hooks: ["+alertsHook("text", "text", "")+"]\n", "hooks")
	post("/hooks/alerts/alerts", "{}", 401)
	post("/hooks/text/text", "the next one", 202)
	x.hears("juliet", "the next one")
}

// Without a connection the message waits on disk, also over a kill of the process: the
// next one sends it.
func TestHookWithoutConnection(t *testing.T) {
	srv := newServer(t)
	x := startAt(t, srv, zap.NewNop(), noAuth+"hooks: ["+alertsHook("text", "text", "")+"]\n")
	addr := srv.Addr()
	srv.Close()
	componenttest.Eventually(t, "the link is down", func() bool { return !x.links["bot.example.com"].Connected() })
	status, answer := x.call("", "POST", "/hooks/text/text", "while the link is down")
	if status != 202 || !strings.Contains(answer, `"state":"queued"`) {
		t.Fatalf("%d %s", status, answer)
	}
	x.srv = componenttest.Start(t, addr, "bot.example.com", testSecret)
	x.hears("juliet", "while the link is down")
}

// A recipient that is not there: the hook's status and its requests, the delivery log, the
// tail and the state of the message say so.
func TestHookBounces(t *testing.T) {
	x := startApp(t, noAuth+"hooks: ["+alertsHook("text", "text", "")+"]\n")
	events := x.follow("", "?kinds=hook")
	x.request("POST", "/hooks/text/text", "to nobody", 202, "")
	sent := x.srv.Expect("the message", func(s *stanza.Stanza) bool {
		body, _ := s.Body()
		return body == "to nobody"
	})
	x.srv.Send(fmt.Sprintf("<message type='error' from='juliet@example.com' to='alerts@bot.example.com' id='%s'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", sent.ID))
	componenttest.Eventually(t, "the hook has failed", func() bool { return x.hooks.Get("text").Failed == 1 })
	if st := x.hooks.Get("text"); st.LastError != "juliet@example.com answered with the error item-not-found" {
		t.Errorf("%+v", st)
	}
	componenttest.Eventually(t, "the delivery log has it", func() bool { // it is counted first
		require.NoError(t, x.store.DeliveryLog().Flush(t.Context()))
		d, err := x.store.DeliveryLog().Get(t.Context(), sent.ID)
		return err == nil && d.Endpoint == "hook text" && d.State == deliverylog.Dropped && d.Reason == "item-not-found" && d.To == "juliet@example.com"
	})
	for _, result := range []string{"sent", "returned"} {
		comes(t, events, result, func(e tailed) bool { return e.Event == "hook" && e.Data.Hook == "text" && e.Data.Result == result })
	}
	componenttest.Eventually(t, "its requests say so", func() bool {
		_, all := x.call("", "GET", "/v1/hooks/text/requests", "")
		return strings.Contains(all, `"result":"sent","error":null,"count":1,"messages":[{"to":"juliet@example.com","id":"`+sent.ID+`","state":"bounced","error":"item-not-found"}]`)
	})
	x.request("GET", "/metrics", "", 200, `stanzahook_hook_failures_total{hook="text"} 1`)
}
