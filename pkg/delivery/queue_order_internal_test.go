package delivery

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/pkg/webhook"
)

// With bounds so small that nearly everything goes by the store, with random
// failures and some restarts: complete, in order, and without a repeat but for
// the restarts.
func TestQueueOrderUnderEverything(t *testing.T) {
	for _, restarts := range []int{0, 3} {
		t.Run(fmt.Sprint(restarts, " restarts"), func(t *testing.T) {
			var calls atomic.Int64
			b := newTestbed(t, func(string, int) int {
				if n := calls.Add(1); n%7 == 0 || n/300%5 == 2 { // single failures, and times of nothing but failures
					return 503
				}
				return 0
			}, func(b *testbed) { b.bot.answer = text("hi") })
			shrink := func() {
				b.w.queue.mu.Lock()
				b.w.queue.max = bounds{held: 20, bytes: 1 << 20, ahead: 5, read: 3}
				b.w.queue.mu.Unlock()
			}
			shrink()
			rnd := rand.New(rand.NewPCG(uint64(restarts), 2))
			for round := range restarts + 1 {
				for range 600 {
					if !b.put(fmt.Sprintf("u%d", rnd.IntN(30))) {
						t.Fatal("refused")
					}
				}
				if round < restarts {
					b.until("some of it", func() bool { return b.bot.accepted() > b.total()/2 })
					b.close()
					b.open()
					shrink()
				}
			}
			b.empty()
			b.bot.inOrder(t, b.sent, restarts > 0)
			if restarts == 0 {
				for id, n := range b.bot.seen {
					if n != 1 {
						t.Errorf("%s came %d times", id, n)
					}
				}
			}
			replies := map[string]int{} // each conversation gets them in order, too
			for _, s := range b.link.all() {
				user := s.To.Local()
				if want := fmt.Sprintf("evt_%s-%d-1", user, replies[user]); restarts == 0 && s.ID != want || s.Type == "error" {
					t.Fatalf("%s is sent, want %s", s.XML(), want)
				}
				replies[user]++
			}
		})
	}
}

// A conversation that is stuck with more events than fit into memory keeps
// no other waiting, and is delivered in order when it goes on.
func TestStuckConversation(t *testing.T) {
	var open atomic.Bool
	b := newTestbed(t, func(user string, _ int) int {
		if user == "stuck" && !open.Load() {
			return 500
		}
		return 0
	})
	for i := range 2000 {
		b.putAll("stuck")
		b.putAll(fmt.Sprintf("u%d", i%50))
	}
	b.until("all the others", func() bool { return b.bot.accepted() == 2000 })
	if st := b.w.Status(); st.InMemory > 100 {
		t.Errorf("%d events of the stuck conversation are in memory", st.InMemory)
	}
	open.Store(true)
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// An endpoint that is down: little stays in memory, nothing is lost, and when
// it is back everything comes in order.
func TestEndpointDown(t *testing.T) {
	var open atomic.Bool
	b := newTestbed(t, func(string, int) int {
		if !open.Load() {
			return 503
		}
		return 0
	})
	for i := range 3_000 {
		b.putAll(fmt.Sprintf("u%d", i%500))
	}
	b.waiting(3_000)
	if st := b.w.Status(); st.InMemory > usual.held+b.e.Concurrency || st.Queued != 3_000 {
		t.Errorf("status %+v", st)
	}
	open.Store(true)
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// 410 disables the endpoint, over restarts; the queue and its order are kept.
func TestGoneDisables(t *testing.T) {
	var gone atomic.Bool
	gone.Store(true)
	b := newTestbed(t, func(string, int) int {
		if gone.Load() {
			return 410
		}
		return 0
	}, func(b *testbed) { b.e.Format = webhook.FormatEvent })
	b.put("u1")
	b.until("it is disabled", func() bool { return b.w.Status().Disabled })
	attempts := b.w.Counters.Attempts.Load()
	for range 10 {
		b.put("u1")
	}
	b.close()
	b.open()
	gone.Store(false)
	b.put("u2")
	if st := b.w.Status(); !st.Disabled || st.Queued != 12 || b.w.Counters.Attempts.Load() != 0 || attempts == 0 {
		t.Errorf("after the restart: %+v, %d attempts", st, b.w.Counters.Attempts.Load())
	}
	b.must(b.w.Enable(t.Context()))
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// A probe is due, and the only lane that was ready is being swept.
func TestProbeWithoutLane(t *testing.T) {
	h, q := &breaker{open: true, probeAt: time.Now().Add(-time.Second)}, &schedule{memory: newMemory()}
	q.ready.push(&lane{state: busy, of: &source{}})
	if l, _ := q.next(h, 16, time.Minute); l != nil {
		t.Errorf("lane %+v", l)
	}
	if ok, probe, _ := h.allow(time.Now()); !ok || !probe {
		t.Errorf("the next probe: %t, %t", ok, probe)
	}
}

// How many events of a lane are read at a time follows from how far apart they lie.
func TestNear(t *testing.T) {
	for _, c := range []struct{ all, tail, least, most int }{
		{1000, 1000, usual.read, 1 << 20}, // it is alone
		{6400, 64, usual.read, 1 << 20},   // one of a hundred, all of it within 4 MB
		{1_000_000, 10_000, 64, 128},      // one of a hundred
		{1_000_000, 100, 0, 1},            // one of ten thousand
		{1_000_000, 0, 0, 1}, {0, 0, 1, 1 << 20},
	} {
		m := &memory{count: c.all}
		if n := m.near(&lane{tail: c.tail}); n < c.least || n > c.most {
			t.Errorf("%d of %d events: %d at a time", c.tail, c.all, n)
		}
	}
}
