//go:build integration

package main

import (
	"testing"

	"stanzahook/deploy/lab"
)

// Everybody is killed in turn, and the server stopped, while messages flow in both
// directions: we, the bot, the XMPP server.
func TestFaultsKills(t *testing.T) {
	rounds := 1
	if fullFaults() {
		rounds = 4
	}
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := lab.Start(t.Context(), labOptions(kind, "kills"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			showLog(t, string(kind), s.Logs)
			b, way, dir := newTally(t), newRelay(t, s.ComponentAddr()), t.TempDir()
			c := trafficConfig(s, "kills", b.url())
			c.Components[0].Server = way.addr()
			p := launchIn(t, dir, c)
			p.awaitLinks(1)
			tr := startTraffic(t, s, p, b, "echo@kills.localhost")
			// The way to the server opens when the users are back: who is not there
			// cannot be written to.
			restart := func(end func() error) func() {
				return func() {
					way.shut.Store(true)
					if err := end(); err != nil {
						t.Fatal(err)
					}
					tr.now().awaitNotReady("kills.localhost")
					if err := s.Restart(t.Context()); err != nil {
						t.Fatal(err)
					}
					tr.login()
					way.shut.Store(false)
					tr.now().awaitReady()
				}
			}
			for range rounds {
				tr.during("we are killed", lostUnstored, "", func() {
					tr.kill()
					next := launchIn(t, dir, c)
					tr.runs(next)
					next.awaitLinks(1)
				})
				tr.during("the bot is killed", "", "", func() {
					b.close()
					before := b.requests.Load()
					awaitSaid(tr, 20)
					b.open()
					eventually(t, "the bot is asked again", func() bool { return b.requests.Load() > before })
				})
				tr.during("we and the bot are killed", lostUnstored, "", func() {
					b.close()
					awaitSaid(tr, 100)
					tr.kill()
					next := launchIn(t, dir, c)
					tr.runs(next)
					b.open()
					next.awaitLinks(1)
				})
				tr.during("the server is killed", lostByServer, lostByServer, restart(s.Kill))
				if !fullFaults() {
					break // TestServerRestart has it in small
				}
				tr.during("the server is restarted", lostOnTheWay, "", restart(func() error { return s.Stop(t.Context()) }))
			}
			users, callers := tr.finish()
			users.close(t)
			callers.close(t)
		})
	}
}

// awaitSaid waits until each user has written so many more messages.
func awaitSaid(tr *traffic, n int) {
	tr.t.Helper()
	count := func(k *person) int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.said)
	}
	goals := make(map[*person]int)
	for _, k := range tr.people {
		goals[k] = count(k) + n
	}
	for k, goal := range goals {
		awaitProgress(tr.t, k.name+" writes", func() (int, bool) { return count(k), count(k) >= goal })
	}
}
