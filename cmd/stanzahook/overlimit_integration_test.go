//go:build integration

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// Where max_stanza_bytes is more than the server takes, the server closes the
// stream for a large stanza. That one is refused, in words, and the link finds its
// way back without it.
func TestOverServerLimit(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		c := oneComponent(s, "over", newBot(t))
		c.Components[0].MaxStanzaBytes, c.MaxBodyBytes = 2*serverLimit, 2*serverLimit
		p := linked(t, c)
		heidi := login(t, s, "heidi")
		r := p.post(asXML, "<message to='heidi@localhost' type='chat' id='over'><body>"+strings.Repeat("x", serverLimit+50_000)+"</body></message>")
		if r.status != 422 || !strings.Contains(r.body, "too large for the server") {
			t.Errorf("%d %s", r.status, r.body)
		}
		eventually(t, "an echo", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			heidi.send("<message to='echo@over.localhost' type='chat'><body>again</body></message>")
			_, err := heidi.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" && r.Body == "again" })
			return err == nil
		})
		p.awaitReady()
		if n := p.connects(); n > 3 {
			t.Errorf("%d connections", n)
		}
		if n := strings.Count(p.log.String(), "max_stanza_bytes to the server's limit"); n != 1 {
			t.Errorf("the log says %d times what to change", n)
		}
	})
}
