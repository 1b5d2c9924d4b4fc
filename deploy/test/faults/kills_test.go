//go:build integration

package faults

import (
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// Everybody is killed in turn, and the server stopped, while messages flow in both
// directions: we, the bot, the XMPP server.
func TestFaultsKills(t *testing.T) {
	rounds, waiting := 1, 30
	if harness.FullFaults() {
		rounds, waiting = 4, 100
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "kills"))
		b, way, dir := load.NewTally(t), harness.NewRelay(t, s.ComponentAddr()), t.TempDir()
		c := load.TrafficConfig(s, "kills", b.URL())
		c.Components[0].Server = way.Addr()
		p := harness.LaunchLinked(t, c.Write(t, dir))
		tr := load.StartTraffic(t, s, p, b, load.Moderate(), "echo@kills.localhost")
		o := newOutage(t, tr, s, way)
		for range rounds {
			tr.During("we are killed", load.LostUnstored, "", func() {
				tr.Kill()
				next := harness.LaunchIn(t, dir, c)
				tr.Runs(next)
				next.AwaitLinks(1)
			})
			tr.During("the bot is killed", "", "", func() {
				b.Close()
				before := b.Requests.Load()
				awaitSaid(tr, 20)
				b.Open()
				harness.Eventually(t, "the bot is asked again", func() bool { return b.Requests.Load() > before })
			})
			tr.During("we and the bot are killed", load.LostUnstored, "", func() {
				b.Close()
				awaitSaid(tr, waiting)
				tr.Kill()
				next := harness.LaunchIn(t, dir, c)
				tr.Runs(next)
				b.Open()
				next.AwaitLinks(1)
			})
			stop := func() error { return s.Stop(t.Context()) }
			tr.During("the server is killed", load.LostByServer, load.LostByServer, o.restart(s.Kill, func() {}))
			tr.During("the server is stopped, and we are killed meanwhile", load.LostOnTheWay, "", o.restart(func() error { way.Cut(); return stop() }, func() {
				awaitPosted(tr, 20)
				tr.Now().Kill() // accepted posts are stored while the server is away
				tr.Runs(harness.LaunchIn(t, dir, c))
			}))
			if harness.FullFaults() {
				tr.During("the server is restarted", load.LostOnTheWay, "", o.restart(stop, func() {}))
			}
		}
		users, callers := tr.Finish()
		users.Sent, users.Answered = users.Sent+o.held.Sent, users.Answered+o.held.Sent // all of these are settled
		users.Close(t)
		callers.Close(t)
	})
}
