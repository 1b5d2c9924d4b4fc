//go:build integration

package main

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// A connection is lost without a word. ejabberd keeps it beside the new one, and deals
// both of them what comes; that is told as what it is, and is over when ejabberd gives
// the old one up.
func TestOldConnectionOnEjabberd(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		if s.Kind() != lab.Ejabberd {
			return // Prosody refuses the new one while it has the old one
		}
		b, way := newTally(t), newRelay(t, s.ComponentAddr())
		c := trafficConfig(s, "lost", b.url())
		c.Components[0].Server, c.Components[0].Keepalive = way.addr(), "1s"
		p := linked(t, c)
		n := p.connects()
		end := way.lose()
		t.Cleanup(end)
		p.awaitNotReady("not sent anything")
		p.awaitLinks(n + 1)
		p.awaitNotReady("it still has our own old one, which was lost without a word at ")
		if reply := p.get("/readyz"); !strings.Contains(reply.body, "net.ipv4.tcp_retries2=8") || !strings.Contains(reply.body, "about 15 minutes") {
			t.Errorf("%s", reply.body)
		}
		end()
		p.awaitReady()
	})
}
