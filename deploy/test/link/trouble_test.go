//go:build integration

package link

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// complaints counts the warnings and errors of the log, and those that hold a
// text.
func complaints(p *harness.Program, text string) (all, matching int) {
	for _, e := range p.Log.Entries() {
		if e.Level != "warn" && e.Level != "error" {
			continue
		}
		all++
		if strings.Contains(e.Msg, text) {
			matching++
		}
	}
	return all, matching
}

// onlyComplaint checks that the log has one complaint, which holds a text.
func onlyComplaint(t *testing.T, p *harness.Program, text string) {
	t.Helper()
	if all, matching := complaints(p, text); all != 1 || matching != 1 {
		t.Errorf("%d complaints, %d of them with %q", all, matching, text)
	}
}

// A mistake in the configuration of either side is told once, whatever the
// number of attempts, with what to change.
func TestRefusedByServer(t *testing.T) {
	const secret = "components[].secret must be the same as component_secret"
	tests := []struct{ name, domain, secret, prosody, ejabberd string }{
		{"wrong secret", "secret.localhost", "another", secret, secret},
		{"unknown domain", "nowhere.localhost", harness.Secret, `add Component "nowhere.localhost" with its component_secret`, secret},
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				r := harness.NewRelay(t, s.ComponentAddr())
				c := harness.Config{Components: []harness.Component{{Domain: tc.domain, Server: r.Addr(), Secret: tc.secret}}}
				p := harness.Launch(t, c)
				want := tc.prosody
				if s.Kind() == lab.Ejabberd {
					want = tc.ejabberd
				}
				p.AwaitNotReady(tc.domain)
				p.AwaitNotReady(want)
				harness.Eventually(t, "a fourth attempt", func() bool { return r.Count.Load() >= 4 })
				onlyComplaint(t, p, want)
				if p.Ended() {
					t.Error("stanzahook has ended")
				}
			})
		}
		// The one with the right secret is not disturbed by the one that keeps trying.
		wrong := harness.Config{Components: []harness.Component{{Domain: "secret.localhost", Server: s.ComponentAddr(), Secret: "another"}}}
		harness.Launch(t, wrong)
		p := harness.LaunchConnected(t, harness.OneComponent(s, "secret", harness.NewBot(t)))
		p.AwaitReady()
		harness.Login(t, s, "heidi").Echo("echo@secret.localhost", "right")
	})
}

// Two processes with one name: Prosody refuses the second, ejabberd accepts both
// and gives each a part. Both are told, and all is well when one of the two ends.
func TestSecondConnection(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if h.Body == "noise" {
				return http.StatusNoContent, "", ""
			}
			return harness.EchoAnswer(h)
		})
		c := harness.OneComponent(s, "twice", b)
		c.Components[0].Keepalive = "1s"
		first := harness.LaunchConnected(t, c)
		first.AwaitReady()
		second := harness.Launch(t, c)
		if s.Kind() == lab.Prosody {
			// The newcomer is refused until the name is free.
			second.AwaitNotReady("another connection uses the name twice.localhost")
			first.AwaitReady()
			first.StopWell()
			second.AwaitLinks(1)
			onlyComplaint(t, second, `component_conflict_resolve = "kick_old"`)
		} else {
			// Both are accepted and get one half each.
			const astray, shared = "stanzas of this component go astray", "component name shared"
			stop := noise(t, harness.Login(t, s, "ivan"), "bot@twice.localhost")
			first.AwaitNotReady(astray)
			second.AwaitNotReady(astray)
			stop()
			first.StopWell()
			all, matching := complaints(second, shared)
			_, silent := complaints(second, "service does not answer IQs") // its answers go astray, too
			_, uploads := complaints(second, "upload service not found")   // for the same reason
			if matching != 1 || all != matching+silent+uploads {
				t.Errorf("%d complaints, %d of them about the name", all, matching)
			}
		}
		second.AwaitReady()
		harness.Login(t, s, "heidi").Echo("echo@twice.localhost", "second")
	})
}

// noise sends messages without pause until it is stopped.
func noise(t *testing.T, u harness.User, to string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if err := u.SendRaw("<message to='" + to + "' type='chat'><body>noise</body></message>"); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
