//go:build integration

package faults

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/pkg/store"
)

// A bot goes away in all ways there are, and comes back: each message is
// answered, in order, and nobody gets an error.
func TestQueueBotOutages(t *testing.T) {
	size := 20
	if harness.FullFaults() {
		size = 2_000
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b, dir := load.NewTally(t), t.TempDir()
		file := load.QueueConfig(t, s.ComponentAddr(), "kill.localhost", harness.Secret, dir, load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Timeout: "1s", Schedule: load.ManySteps})
		p := harness.LaunchLinked(t, file)
		talkers := []*load.Talker{load.NewTalker(t, s, "dave", "echo@kill.localhost"), load.NewTalker(t, s, "erin", "echo@kill.localhost")}
		say := func(n int) {
			for _, k := range talkers {
				k.Say(n)
			}
		}
		settled := func(mode string) {
			t.Helper()
			for _, k := range talkers {
				k.Settled()
				if _, errors := k.Counts(); errors > 0 {
					t.Errorf("%s: %s got %d errors", mode, k.Name, errors)
				}
			}
		}
		logged := func(p *harness.Program, text string) int {
			return p.Log.Count(func(e harness.LogEntry) bool { return strings.HasPrefix(e.Msg, text) })
		}

		say(5)
		settled("at first")

		b.Close()
		say(size)
		harness.Eventually(t, "the first failure", func() bool { return logged(p, "endpoint failing") > 0 })
		say(size)
		if harness.FullFaults() {
			harness.Eventually(t, "the breaker opens", func() bool { return logged(p, "endpoint down") > 0 })
			say(size)
		}
		b.Open()
		say(5)
		settled("connections are refused")

		before := b.Requests.Load()
		b.AnswerWith(func(_ string, _ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return false
		})
		say(size)
		harness.Eventually(t, "each conversation is tried twice", func() bool { return b.Requests.Load() >= before+4 })
		say(size)
		b.AnswerWith(nil)
		say(5)
		settled("the bot hangs")

		// The bot asks for two seconds. It counts who disturbs it well within them.
		var began, disturbed atomic.Int64
		b.AnswerWith(func(_ string, w http.ResponseWriter, _ *http.Request) bool {
			now := time.Now().UnixNano()
			began.CompareAndSwap(0, now)
			if time.Duration(now-began.Load()) > 1500*time.Millisecond {
				return true
			}
			disturbed.Add(1)
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
			return false
		})
		say(size)
		settled("the bot asks for a pause")
		if n := int(disturbed.Load()); n > len(talkers) {
			t.Errorf("%d requests within the pause that the bot asked for; %d conversations may have been under way", n, len(talkers))
		}

		before = b.Requests.Load()
		accepted := b.Accepted()
		b.AnswerWith(load.AnswerStatus(http.StatusGone))
		say(size)
		harness.Eventually(t, "the endpoint is disabled", func() bool { return logged(p, "endpoint disabled") > 0 })
		say(size)
		for _, k := range talkers {
			k.Read()
		}
		if code := p.Stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if n := int(b.Requests.Load() - before); n > len(talkers) {
			t.Errorf("%d requests though the bot is gone; %d conversations may have been under way", n, len(talkers))
		}
		if held := load.StoredEvents(t, dir, "echo"); len(held) != 2*size*len(talkers) {
			t.Errorf("%d of %d messages are in the store", len(held), 2*size*len(talkers))
		}
		b.AnswerWith(nil)
		p = harness.LaunchLinked(t, file)
		harness.Eventually(t, "it is still disabled after a restart", func() bool { return logged(p, "endpoint disabled") > 0 })
		say(5)
		for _, k := range talkers {
			k.Read()
		}
		p.Stop()
		if n := b.Accepted(); n != accepted {
			t.Errorf("%d messages were accepted by a bot that is gone", n-accepted)
		}
		enableIn(t, dir, "echo")
		p = harness.LaunchLinked(t, file)
		say(5)
		settled("the bot is gone, and enabled again")
		b.Complete(func(user string) int {
			for _, k := range talkers {
				if k.Name == user {
					return k.Sent
				}
			}
			return 0
		}, false)
		load.BalanceOf(b, talkers...).Close(t)
	})
}

// enableIn enables an endpoint in the store of a program that has ended.
func enableIn(t *testing.T, dir, endpoint string) {
	t.Helper()
	s := load.OpenStore(t, dir)
	defer s.Close()
	if state, err := s.Endpoints().Get(t.Context(), endpoint); err != nil || !state.Disabled {
		t.Errorf("the store says %+v, %v", state, err)
	}
	if err := s.Endpoints().Put(t.Context(), endpoint, store.EndpointState{}); err != nil {
		t.Fatal(err)
	}
}
