package hooks_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/httpapi"
	"stanzahook/httpapi/hooks"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Targets are picked by channel, topic or path, and never guessed.
func TestTargets(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		h.Targets = map[string]jid.JID{"ops": jid.MustParse("ops@example.com"), "oncall": jid.MustParse("romeo@example.com")}
	})
	for _, c := range []struct {
		path, body string
		status     int
		answer, to string
	}{
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"#ops"}`, 200, "ok", "ops@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"@OnCall"}`, 200, "ok", "romeo@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x"}`, 200, "ok", "juliet@example.com"},
		{"/hooks/slack/s3cret-slack", `{"text":"x","channel":"nope"}`, 404, "channel_not_found", ""},
		{"/hooks/ntfy/s3cret-ntfy/ops", "x", 200, `"topic":"ops"`, "ops@example.com"},
		{"/hooks/ntfy/s3cret-ntfy/nope", "x", 403, `"code":40301`, ""},
		{"/hooks/text/s3cret-text/oncall", "x", 202, "", "romeo@example.com"},
		{"/hooks/text/s3cret-text/nope", "x", 404, "no target", ""},
		{"/hooks/gotify/s3cret-gotify/message", `{"message":"x"}`, 200, "", "juliet@example.com"},
	} {
		before := len(g.net.Sent())
		w := g.call("POST", c.path, c.body)
		sent := g.net.Sent()[before:]
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) || (c.to == "") != (len(sent) == 0) || c.to != "" && sent[0].To.String() != c.to {
			t.Errorf("%s %s: %d %s, sent %v", c.path, c.body, w.Code, w.Body, sent)
		}
	}
}

// Several recipients and texts; one that fails does not fail the others.
func TestSeveral(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) {
		h.To = append(h.To, jid.MustParse("romeo@example.com"))
		if h.Name == "alertmanager" {
			h.Reader, _ = hook.New(hook.Options{Adapter: "alertmanager", Split: true})
		}
	})
	g.net.State = gateway.Queued
	w := g.call("POST", "/hooks/alertmanager/s3cret-alertmanager", `{"alerts":[{"fingerprint":"a","status":"firing"},{"fingerprint":"b","status":"resolved"}]}`)
	var answer struct {
		ID       string
		Messages []struct{ To, ID, State string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 202 || len(answer.Messages) != 4 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for i, m := range answer.Messages {
		want := answer.ID
		if i > 0 {
			want += fmt.Sprint(".", i)
		}
		if m.ID != want || m.State != "queued" || m.To != []string{"juliet@example.com", "romeo@example.com"}[i%2] {
			t.Errorf("%d: %+v", i, m)
		}
	}
}

// Too many are 503, which Alertmanager repeats, and errors of the connection are too.
func TestRefusals(t *testing.T) {
	g := newRig(t, func(h *hooks.Hook) { h.Rate = httpapi.RateLimit{PerSecond: 1, Burst: 2} })
	for i, want := range []int{202, 202, 503} {
		w := g.call("POST", "/hooks/text/s3cret-text", "x")
		if w.Code != want || (want == 503) != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	g.answers("another hook", 202, "POST", "/hooks/json/s3cret-json", "{}")
	g = newRig(t, nil)
	for err, want := range map[error]int{gateway.ErrBusy: 503, gateway.ErrDown: 503, gateway.ErrUnconfirmed: 503, gateway.ErrFull: 507, gateway.ErrRejected: 503, &gateway.TooOften{}: 503} {
		g.net.Err = err
		g.answers(fmt.Sprint(err), want, "POST", "/hooks/text/s3cret-text", "x")
	}
	g.net.Err, g.net.MaxBytes = nil, 600
	g.answers("too long for the server", 413, "POST", "/hooks/text/s3cret-text", strings.Repeat("x", 700))
}

// A message that comes back counts for its hook.
func TestBounced(t *testing.T) {
	g := newRig(t, nil)
	g.call("POST", "/hooks/text/s3cret-text", "x")
	sent := g.net.Sent()[0]
	bounce := stanza.Must(stanza.Parse("<message type='error' from='juliet@example.com' to='alerts@bot.example.com' id='"+sent.ID+"'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", stanza.Limits{}))
	if name, ok := g.statuses.Bounced(bounce); !ok || name != "text" {
		t.Errorf("%q, %v", name, ok)
	}
	if _, ok := g.statuses.Bounced(bounce); ok {
		t.Error("the same error counts twice")
	}
	if st := g.statuses.Get("text"); st.Failed != 1 || st.Sent != 1 || st.LastError != "juliet@example.com answered with the error item-not-found" {
		t.Errorf("%+v", st)
	}
	if _, ok := new(hooks.Statuses).Bounced(bounce); ok {
		t.Error("without hooks")
	}
}

// An error of one occupant is not one of the message, which the room has sent to all.
func TestBouncedByAnOccupant(t *testing.T) {
	room := jid.MustParse("ops@rooms.example.com")
	g := newRig(t, func(h *hooks.Hook) { h.To, h.Rooms = []jid.JID{room}, []jid.JID{room} })
	g.call("POST", "/hooks/text/s3cret-text", "x")
	sent := g.net.Sent()[0]
	bounce := func(from string) *stanza.Stanza {
		return stanza.Must(stanza.Parse("<message type='error' from='"+from+"' to='alerts@bot.example.com' id='"+sent.ID+"'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", stanza.Limits{}))
	}
	if name, ok := g.statuses.Bounced(bounce("ops@rooms.example.com/Ghost")); ok || name != "" || g.statuses.Get("text").Failed != 0 {
		t.Errorf("of an occupant: %q, %+v", name, g.statuses.Get("text"))
	}
	if name, ok := g.statuses.Bounced(bounce("ops@rooms.example.com")); !ok || name != "text" || g.statuses.Get("text").Failed != 1 {
		t.Errorf("of the room: %q, %+v", name, g.statuses.Get("text"))
	}
}

// What the XMPP server does not take is 503, with what to do.
func TestRejectedByTheServer(t *testing.T) {
	g := newRig(t, nil)
	g.net.Err = gateway.ErrRejected
	w := g.call("POST", "/hooks/text/s3cret-text", "hi")
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "lower max_chars") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if st := g.statuses.Get("text"); st.Failed != 1 || !strings.Contains(st.LastError, "lower max_chars") {
		t.Errorf("%+v", st)
	}
}
