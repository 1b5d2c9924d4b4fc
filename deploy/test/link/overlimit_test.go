//go:build integration

package link

import (
	"context"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Where max_stanza_bytes is more than the server takes, the server closes the
// stream for a large stanza. That one is refused, in words, and the link finds its
// way back without it.
func TestOverServerLimit(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		c := harness.OneComponent(s, "over", harness.NewBot(t))
		c.Components[0].MaxStanzaBytes, c.MaxBodyBytes = 2*harness.ServerLimit, 2*harness.ServerLimit
		p := harness.LaunchConnected(t, c)
		heidi := harness.Login(t, s, "heidi")
		r := p.Post(harness.AsXML, "<message to='heidi@localhost' type='chat' id='over'><body>"+strings.Repeat("x", harness.ServerLimit+50_000)+"</body></message>")
		if r.Status != 422 || !strings.Contains(r.Body, "too large for the server") {
			t.Errorf("%d %s", r.Status, r.Body)
		}
		harness.Eventually(t, "an echo", func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			heidi.Send("<message to='echo@over.localhost' type='chat'><body>again</body></message>")
			_, err := heidi.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" && r.Body == "again" })
			return err == nil
		})
		p.AwaitReady()
		if n := p.Connects(); n > 3 {
			t.Errorf("%d connections", n)
		}
		if n := strings.Count(p.Log.String(), "max_stanza_bytes to the server's limit"); n != 1 {
			t.Errorf("the log says %d times what to change", n)
		}
	})
}
