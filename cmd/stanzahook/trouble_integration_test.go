//go:build integration

package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// complaints counts the warnings and errors of the log, and those that hold a
// text.
func complaints(p *program, text string) (all, matching int) {
	for _, e := range p.log.entries() {
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
func onlyComplaint(t *testing.T, p *program, text string) {
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
		{"unknown domain", "nowhere.localhost", testSecret, `add Component "nowhere.localhost" with its component_secret`, secret},
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				r := newRelay(t, s.ComponentAddr())
				c := testConfig{Components: []testComponent{{Domain: tc.domain, Server: r.addr(), Secret: tc.secret}}}
				p := launch(t, c)
				want := tc.prosody
				if s.Kind() == lab.Ejabberd {
					want = tc.ejabberd
				}
				p.awaitNotReady(tc.domain)
				p.awaitNotReady(want)
				eventually(t, "a fourth attempt", func() bool { return r.count.Load() >= 4 })
				onlyComplaint(t, p, want)
				if p.ended() {
					t.Error("stanzahook has ended")
				}
			})
		}
		// The one with the right secret is not disturbed by the one that keeps trying.
		wrong := testConfig{Components: []testComponent{{Domain: "secret.localhost", Server: s.ComponentAddr(), Secret: "another"}}}
		launch(t, wrong)
		p := linked(t, oneComponent(s, "secret", newBot(t)))
		p.awaitReady()
		login(t, s, "heidi").echo("echo@secret.localhost", "right")
	})
}

// Two processes with one name: Prosody refuses the second, ejabberd accepts both
// and gives each a part. Both are told, and all is well when one of the two ends.
func TestSecondConnection(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			if h.Body == "noise" {
				return http.StatusNoContent, "", ""
			}
			return echo(h)
		})
		c := oneComponent(s, "twice", b)
		c.Components[0].Keepalive = "1s"
		first := linked(t, c)
		first.awaitReady()
		second := launch(t, c)
		if s.Kind() == lab.Prosody {
			// The newcomer is refused until the name is free.
			second.awaitNotReady("another connection uses the name twice.localhost")
			first.awaitReady()
			if code := first.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			second.awaitLinks(1)
			onlyComplaint(t, second, `component_conflict_resolve = "kick_old"`)
		} else {
			// Both are accepted and get one half each.
			const shared = "stanzas of this component go astray"
			stop := noise(t, login(t, s, "ivan"), "bot@twice.localhost")
			first.awaitNotReady(shared)
			second.awaitNotReady(shared)
			stop()
			if code := first.stop(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if all, matching := complaints(second, shared); matching == 0 || matching != all {
				t.Errorf("%d complaints, %d of them about the name", all, matching)
			}
		}
		second.awaitReady()
		login(t, s, "heidi").echo("echo@twice.localhost", "second")
	})
}

// noise sends messages without pause until it is stopped.
func noise(t *testing.T, u user, to string) (stop func()) {
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
