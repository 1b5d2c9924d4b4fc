package delivery

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
)

// The event that fails waits alone; those before it are done, those behind it come after
// it, and are no worse for it.
func TestBatchFailureInTheMiddle(t *testing.T) {
	failed := 0
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		i := slices.Index(ids, "u2")
		if i < 0 || failed == 2 {
			return 200, ""
		}
		failed++
		return 200, strings.TrimSuffix(echoes(ids[:i]), "]") + strings.TrimPrefix(`,{"status":500}]`, map[bool]string{true: ","}[i == 0])
	})
	b.run(bot, "u", 4)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u2", "u2", "u3 u4")
	b.wantSent("u0", "u1", "u2", "u3", "u4")
	if n := b.w.Counters.Results.Retry.Load(); n != 2 {
		t.Errorf("%d attempts failed", n)
	}
	b.must(b.s.DeliveryLog().Flush(t.Context()))
	for id, attempts := range map[string]int{"evt_u-1": 1, "evt_u-2": 3, "evt_u-3": 2} { // the first of evt_u-3 came to nothing
		d, err := b.s.DeliveryLog().Get(t.Context(), id)
		if err != nil || d.State != deliverylog.Delivered || len(d.Attempts) != attempts {
			t.Errorf("%s: %+v %v", id, d, err)
		}
	}
}

// A refusal is of one event: it alone becomes a dead letter, and its sender gets the error.
func TestBatchRefusesOne(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		return 200, strings.Replace(echoes(ids), `"u2"`, `{"status":422}`, 1)
	})
	b.run(bot, "u", 3)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3")
	b.wantSent("u0", "u1", "bad-request 2", "u3")
	dead, _, err := b.s.DeadLetters().List(t.Context(), Filter{})
	if err != nil || len(dead) != 1 || dead[0].ID != "evt_u-2" || len(dead[0].Attempts) != 1 || dead[0].Attempts[0].Status != 422 {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
}

// A request that is refused as a whole is about one of its events, or their number: each
// goes alone then, and only what is refused alone is a dead letter.
func TestBatchRefusedAsAWhole(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		if slices.Contains(ids, "u2") {
			return 400, "no"
		}
		return 200, ""
	})
	b.run(bot, "u", 3)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3", "u1", "u2", "u3")
	b.wantSent("u0", "u1", "bad-request 2", "u3")
	if n, err := b.s.DeadLetters().Count(t.Context(), "echo"); err != nil || n != 1 {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

// A poisonous event that breaks the bot holds up no other for longer than its own retries.
func TestBatchWithAPoisonousEvent(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		if slices.Contains(ids, "u2") {
			return 500, "broken"
		}
		return 200, ""
	}, func(b *testbed) {
		b.e.Schedule = []time.Duration{time.Millisecond, time.Millisecond}
		b.e.MaxAge = time.Hour
	})
	b.run(bot, "u", 4)
	b.until("the event given up", func() bool {
		b.put("other") // succeeds meanwhile, so that it is the event's fault
		n, err := b.s.DeadLetters().Count(context.Background(), "echo")
		return err == nil && n == 1
	})
	b.empty()
	var of []string
	for _, s := range b.link.all() {
		if s.To.Local() == "u" {
			of = append(of, bodies([]*stanza.Stanza{s})[0])
		}
	}
	if len(of) != 5 || of[0] != "u0" || of[1] != "u1" || !strings.HasSuffix(of[2], " 2") || of[3] != "u3" || of[4] != "u4" {
		t.Errorf("u got %q", of)
	}
}

// A shorter array is no failure: the rest goes on at once. An empty one is.
func TestBatchAnsweredInParts(t *testing.T) {
	empty := 0
	b, bot := batches(t, 10, func(n int, ids []string) (int, string) {
		switch {
		case len(ids) > 1:
			return 200, echoes(ids[:2])
		case ids[0] == "u5" && empty == 0:
			empty++
			return 200, "[]"
		}
		return 200, ""
	})
	b.run(bot, "u", 5)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4 u5", "u3 u4 u5", "u5", "u5")
	b.wantSent("u0", "u1", "u2", "u3", "u4", "u5")
	if n := b.w.Counters.Failures.Load(); n != 1 {
		t.Errorf("%d failures", n)
	}
}

// An event that the store refuses while it is behind a failing one is known to its sender:
// it would be lost with the process.
func TestBatchUnstoredBehindAFailure(t *testing.T) {
	b, bot := batches(t, 10, nil)
	defer close(bot.hold)
	q := b.w.queue
	l := &lane{conversation: "c", of: &source{}, state: busy, flight: 2}
	first, second := &item{Event: b.event("u"), begun: true}, &item{Event: b.event("v"), begun: true, state: unstored}
	q.mu.Lock()
	q.load(l, first)
	q.load(l, second)
	q.count += 2
	q.mu.Unlock()
	q.giveBack(l, []*item{second}, 0)
	if got := bodies(b.link.all()); len(got) != 1 || !strings.HasPrefix(got[0], string(stanza.ResourceConstraint)) || len(l.mem) != 1 || l.flight != 0 {
		t.Errorf("sent %q, %d are left", got, len(l.mem))
	}
	q.mu.Lock()
	q.withdraw(l, first)
	q.mu.Unlock()
}
