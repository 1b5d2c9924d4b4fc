package delivery

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What waits of a conversation goes in one request, in order; nothing waits for company.
func TestBatchTakesWhatWaits(t *testing.T) {
	b, bot := batches(t, 4, nil)
	b.run(bot, "u", 6)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u5 u6")
	b.wantSent("u0", "u1", "u2", "u3", "u4", "u5", "u6")
	if c := &b.w.Counters; c.Attempts.Load() != 7 || c.Delivered.Load() != 7 || c.Results.Success.Load() != 7 || c.Failures.Load() != 0 {
		t.Errorf("%d attempts, %d delivered", c.Attempts.Load(), c.Delivered.Load())
	}
}

// Conversations do not share a request.
func TestBatchIsOfOneConversation(t *testing.T) {
	b, bot := batches(t, 4, nil, func(b *testbed) { b.e.Concurrency = 1 })
	b.put("a")
	b.until("the first request", func() bool { return len(bot.requests()) == 1 })
	for range 2 {
		b.put("a")
		b.put("b")
	}
	b.waiting(5)
	close(bot.hold)
	b.empty()
	for _, ids := range bot.requests() {
		for _, id := range ids {
			if id[0] != ids[0][0] {
				t.Errorf("a request with %q", ids)
			}
		}
	}
	if n := len(bot.requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// Each reply is confirmed for itself: the events whose replies are not are delivered again
// by the next process, and no other.
func TestBatchKilledBeforeConfirmations(t *testing.T) {
	b, bot := batches(t, 10, nil)
	b.link.withhold = true
	b.run(bot, "u", 4)
	b.replies(5)
	b.link.mu.Lock()
	done := slices.Clone(b.link.done)
	b.link.mu.Unlock()
	for _, i := range []int{0, 1, 3} { // u3 waits for u2
		done[i](nil)
	}
	b.until("two removed", func() bool {
		n, err := b.s.Queues().Waiting(context.Background())
		return err == nil && n == 3
	})
	b.close()
	b.link = &link{}
	b.open()
	b.empty()
	b.wantSent("u2", "u3", "u4")
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u2 u3 u4")
}

// While a request is under way its events cannot be dropped, and others can.
func TestBatchInFlight(t *testing.T) {
	b, bot := batches(t, 2, nil)
	second := make(chan struct{})
	bot.answer = func(n int, _ []string) (int, string) {
		if n == 2 {
			<-second
		}
		return 200, ""
	}
	b.run(bot, "u", 3)
	b.until("the second request", func() bool { return len(bot.requests()) == 2 })
	for i, want := range []string{"", errInFlight.Error(), errInFlight.Error(), ""} {
		if i == 0 {
			continue
		}
		id := fmt.Sprintf("evt_u-%d", i)
		_, _, inFlight, known := b.w.Pending(id)
		if !known || inFlight != (want != "") {
			t.Errorf("%s: in flight %v, known %v", id, inFlight, known)
		}
		if err := b.w.Drop(t.Context(), id); fmt.Sprint(err) != want && (err != nil || want != "") {
			t.Errorf("%s dropped: %v", id, err)
		}
	}
	close(second)
	b.empty()
	b.wantSent("u0", "u1", "u2")
}

// Under load with failures of every kind nothing is lost, and each conversation keeps its order.
func TestBatchOrderUnderFailures(t *testing.T) {
	var mu sync.Mutex
	got := map[string][]string{}
	note := func(ids []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			got[id[:2]] = append(got[id[:2]], id[2:])
		}
	}
	b, bot := batches(t, 7, func(n int, ids []string) (int, string) {
		switch k := len(ids) / 2; n % 7 {
		case 1:
			return 503, "later"
		case 2:
			if len(ids) > 1 {
				return 413, "too much"
			}
		case 3:
			note(ids[:k])
			return 200, strings.TrimSuffix(echoes(ids[:k]), "]") + strings.TrimPrefix(`,{"status":500}]`, map[bool]string{true: ","}[k == 0])
		case 4:
			if k == 0 {
				return 200, "[]"
			}
			note(ids[:k])
			return 200, echoes(ids[:k])
		}
		note(ids)
		return 200, ""
	}, func(b *testbed) { b.e.DropOld = true })
	close(bot.hold)
	for range 200 {
		for u := range 5 {
			b.putAll(fmt.Sprint("u", u))
		}
	}
	b.until("all", func() bool { return b.w.Status().Queued == 0 })
	want := make([]string, 200)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	for u := range 5 {
		if user := fmt.Sprint("u", u); !reflect.DeepEqual(got[user], want) {
			t.Errorf("%s: got %v", user, got[user])
		}
	}
}
