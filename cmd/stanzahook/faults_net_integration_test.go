//go:build integration

package main

import (
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// badNetwork is the rate at which a network hardly lets anything pass, in bytes a
// second.
const badNetwork = 6 << 10

// The network between us and the XMPP server: connections are reset, also in the
// middle of a stanza; everything is late; hardly anything passes; nothing passes,
// and nobody is told.
func TestFaultsServerNetwork(t *testing.T) {
	rounds, lasting := 1, 200*time.Millisecond
	if fullFaults() {
		rounds, lasting = 5, 2*time.Second
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b, way := newTally(t), newRelay(t, s.ComponentAddr())
		c := trafficConfig(s, "net", b.url())
		c.Components[0].Server, c.Components[0].Keepalive = way.addr(), "1s"
		p := linked(t, c)
		tr := startTraffic(t, s, p, b, "echo@net.localhost")
		again := func(happens func()) func() {
			return func() {
				n := p.connects()
				happens()
				p.awaitLinks(n + 1)
			}
		}
		for round := range rounds {
			tr.during("reset", lostOnTheWay, "", again(func() { way.cut() }))
			tr.during("reset in the middle of what the server says", lostOnTheWay, "", again(func() { way.cutHalf(toClient) }))
			tr.during("reset in the middle of what we say", lostOnTheWay, "", again(func() { way.cutHalf(toServer) }))
			tr.during("delay", "", "", func() {
				way.slow(50*time.Millisecond, 0)
				lasts(t, lasting)
				way.slow(0, 0)
			})
			tr.during("throttled", "", "", func() {
				way.slow(0, badNetwork)
				lasts(t, lasting)
				way.slow(0, 0)
			})
			if round%4 != 0 {
				continue // it takes a while: Prosody waits for the old connection's end
			}
			tr.during("silence", lostOnTheWay, "", again(func() {
				p.awaitReady()
				way.silence(true)
				p.awaitNotReady("not sent anything")
				way.cut() // a router forgets such connections at some time
				way.silence(false)
			}))
		}
		users, callers := tr.finish()
		users.close(t)
		callers.close(t)
	})
}

// lasts is how long a fault lasts that has no event to wait for.
func lasts(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
