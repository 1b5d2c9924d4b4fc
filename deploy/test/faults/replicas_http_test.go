//go:build integration

package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/natsserver"
)

// replicaHTTP has a bot that pulls, and callers.
const replicaHTTP = `components: [{domain: over.localhost, server: "%s", secret: %s}]
endpoints: [{name: bot, component: over.localhost}]
hooks: [{name: alerts, adapter: text, secret_hash: "%s", from: alerts@over.localhost, to: [carol@localhost]}]
http:
  listen: %s
  rate_limit: {per_second: 1000, burst: 1000} # what was held comes at once
  tokens:
    - {name: all, hash: "%s", scopes: [send]}
    - {name: pull, hash: "%s", scopes: [events]}
    - {name: admin, hash: "%s", scopes: [admin]}
store: {nats: {url: "%s", replicas: 3}}
replica: {name: %s, advertise: "http://%[4]s"}
drain: 5s
`

// Callers and a reader of events that know nothing of roles, while the active replica is killed, and
// stopped: each message is sent, under one id; the reader misses nothing that was stored, in order.
// What a standby takes at a hook comes once.
// STANZAHOOK_FAULTS=full sends 100 messages a second and kills five times.
func TestFaultsReplicasHTTP(t *testing.T) {
	n := natsserver.Start(t, natsserver.Options{Nodes: 3})
	s := harness.StartServer(t, kickOld(harness.ServerOptions(lab.Prosody, "over")))
	g := startGroup(t, n, func(g *group, name string) string {
		return harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(replicaHTTP, s.ComponentAddr(), harness.Secret, harness.HashOf("s3cret"), g.listen[name], harness.HashOf("token-all"), harness.HashOf("token-pull"), harness.HashOf("token-admin"), g.url(name), name))
	})

	kills, pace := 1, 40*time.Millisecond
	if harness.FullFaults() {
		kills, pace = 5, 10*time.Millisecond
	}
	b := newBlind(g)
	box := openMailbox(harness.Login(t, s, "bob"))
	events := b.watch("bot")
	said := sayAll(harness.Login(t, s, "alice"), "bot@over.localhost", pace)
	mails := b.mailAll(pace)
	flows := func() {
		t.Helper()
		mailed, heard := box.count(), said.count()
		harness.Eventually(t, "messages and events flow", func() bool { return box.count() > mailed+20 && events.has(heard+20) })
	}
	carol := harness.Login(t, s, "carol")
	hook := func(text string) {
		t.Helper()
		if r, err := g.now[g.other()].Call("POST", "/hooks/alerts/s3cret", "", "text/plain", text); err != nil || r.Status != 202 {
			t.Errorf("%s at a standby: %+v %v", text, r, err)
		}
		if r := carol.Await(text, func(r lab.Received) bool { return r.Kind == "message" }); r.Body != text {
			t.Errorf("carol got %q, not %q", r.Body, text)
		}
	}
	hook("disk full")
	for i := range kills {
		flows()
		before := g.active
		said.trouble()
		g.now[before].Kill()
		began := time.Now()
		g.takes(g.other())
		t.Logf("kill %d: %s is connected after %v", i+1, g.active, time.Since(began).Round(time.Millisecond))
		g.start(before)
		g.standsBy(before)
		flows()
		said.over()
	}
	flows()
	before := g.active
	said.trouble()
	g.now[before].Terminate()
	g.takes(g.other())
	if code := g.now[before].Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	flows()
	said.over()
	g.start(before)
	g.standsBy(before)
	hook("disk empty") // and "disk full" not again

	mails.stop()
	harness.Eventually(t, "all mail has come", func() bool { return box.count() >= len(mails.ids) })
	for n, id := range mails.ids {
		if box.ids[n] != id {
			t.Errorf("mail %d was taken as %q, and has come as %q", n, id, box.ids[n])
		}
	}
	for _, wrong := range box.wrong {
		t.Error(wrong)
	}
	last := said.stop()
	harness.Eventually(t, "the last event has come", func() bool { return events.has(last) })
	if !slices.IsSorted(events.got) {
		t.Errorf("events came in the order %v", events.got)
	}
	lost := said.lost(events)
	t.Logf("%d mails, %d came again, the slowest took %v, sent again by their callers: %v, answers by replica: %v", len(mails.ids), box.again, b.slowest.Round(time.Millisecond), b.refused, b.by)
	t.Logf("%d messages to the bot: %d events in %d streams, %d bounced, %d not stored when a replica was killed", last+1, len(events.got), events.streams, len(said.errors), lost)
	if b.by["a"] == 0 || b.by["b"] == 0 || events.streams < 2 {
		t.Error("there was no takeover")
	}
}
