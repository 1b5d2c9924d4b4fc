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
// stream for a large stanza. That one is lost or refused, but the link must find
// its way back, and not send the same stanza again and again.
func TestOverServerLimit(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		c := oneComponent(s, "over", newBot(t))
		c.Components[0].MaxStanzaBytes, c.MaxBodyBytes = 2*serverLimit, 2*serverLimit
		p := linked(t, c)
		heidi := login(t, s, "heidi")
		r := p.post(asXML, "<message to='heidi@localhost' type='chat' id='over'><body>"+strings.Repeat("x", serverLimit+50_000)+"</body></message>")
		if r.status != 413 && r.status != 503 && r.status != 202 {
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
		t.Logf("POST: %d %s; %d connections", r.status, r.body, p.connects())
	})
}
