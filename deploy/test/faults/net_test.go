//go:build integration

package faults

import (
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The network between us and the XMPP server: connections are reset, also in the
// middle of a stanza; everything is late; hardly anything passes; nothing passes,
// and nobody is told.
func TestFaultsServerNetwork(t *testing.T) {
	rounds, lasting := 1, 200*time.Millisecond
	if harness.FullFaults() {
		rounds, lasting = 5, 2*time.Second
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b, way := load.NewTally(t), harness.NewRelay(t, s.ComponentAddr())
		c := load.TrafficConfig(s, "net", b.URL())
		c.Components[0].Server, c.Components[0].Keepalive = way.Addr(), "1s"
		p := harness.LaunchConnected(t, c)
		tr := load.StartTraffic(t, s, p, b, load.Moderate(), "echo@net.localhost")
		again := func(happens func()) func() {
			return func() {
				n := p.Connects()
				happens()
				p.AwaitLinks(n + 1)
			}
		}
		for round := range rounds {
			tr.During("reset", load.LostOnTheWay, "", again(func() { way.Cut() }))
			tr.During("reset in the middle of what the server says", load.LostOnTheWay, "", again(func() { way.CutHalf(harness.ToClient) }))
			tr.During("reset in the middle of what we say", load.LostOnTheWay, "", again(func() { way.CutHalf(harness.ToServer) }))
			duringSlowness(tr, way, lasting)
			if round%4 != 0 {
				continue // it takes a while: Prosody waits for the old connection's end
			}
			tr.During("silence", load.LostOnTheWay, "", again(func() {
				p.AwaitReady()
				way.Silence(true)
				p.AwaitNotReady("not sent anything")
				way.Cut() // a router forgets such connections at some time
				way.Silence(false)
			}))
		}
		tr.Close()
	})
}
