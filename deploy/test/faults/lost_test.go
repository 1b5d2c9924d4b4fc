//go:build integration

package faults

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// A connection is lost without a word. ejabberd keeps it beside the new one, and deals
// both of them what comes; that is told as what it is, and is over when ejabberd gives
// the old one up.
func TestOldConnectionOnEjabberd(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		if s.Kind() != lab.Ejabberd {
			return // Prosody refuses the new one while it has the old one
		}
		b, way := load.NewTally(t), harness.NewRelay(t, s.ComponentAddr())
		c := load.TrafficConfig(s, "lost", b.URL())
		c.Components[0].Server, c.Components[0].Keepalive = way.Addr(), "1s"
		p := harness.LaunchConnected(t, c)
		n := p.Connects()
		end := way.Lose()
		t.Cleanup(end)
		harness.Eventually(t, "the connection is given up", func() bool { return strings.Contains(p.Log.String(), "not sent anything back") })
		p.AwaitLinks(n + 1)
		p.AwaitNotReady("it still has our own old one, which was lost without a word at ")
		if reply := p.Get("/readyz"); !strings.Contains(reply.Body, "net.ipv4.tcp_retries2=8") || !strings.Contains(reply.Body, "about 15 minutes") {
			t.Errorf("%s", reply.Body)
		}
		end()
		p.AwaitReady()
	})
}
