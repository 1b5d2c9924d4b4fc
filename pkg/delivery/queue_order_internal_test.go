package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

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
			})
			shrink := func() {
				b.w.queue.mu.Lock()
				b.w.queue.max = bounds{held: 20, bytes: 1 << 20, ahead: 5, read: 3}
				b.w.queue.mu.Unlock()
			}
			shrink()
			rnd := rand.New(rand.NewPCG(uint64(restarts), 2))
			for round := range restarts + 1 {
				for range 2000 {
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
			if n := b.sink.count(); n > 0 {
				t.Errorf("%d error stanzas: %v", n, b.sink.errors)
			}
		})
	}
}

// A conversation that is stuck with more events than fit into memory keeps
// nobody waiting; and comes in order when it is let go.
func TestStuckConversation(t *testing.T) {
	var open atomic.Bool
	b := newTestbed(t, func(user string, _ int) int {
		if user == "stuck" && !open.Load() {
			return 500
		}
		return 0
	})
	for range 5000 {
		if !b.put("stuck") {
			b.until("the store has caught up", func() bool { return b.put("stuck") })
		}
	}
	for i := range 5000 {
		if user := fmt.Sprintf("u%d", i%50); !b.put(user) {
			b.until("the store has caught up", func() bool { return b.put(user) })
		}
	}
	b.until("all the others", func() bool { return b.bot.accepted() == 5000 })
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
	for i := range 8_000 {
		if user := fmt.Sprintf("u%d", i%500); !b.put(user) {
			b.until("the store has caught up", func() bool { return b.put(user) })
		}
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 8_000 })
	if st := b.w.Status(); st.InMemory > usual.held+b.e.Concurrency || st.Queued != 8_000 {
		t.Errorf("status %+v", st)
	}
	open.Store(true)
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// 410 disables the endpoint, over restarts; the queue and its order are kept.
func TestGoneDisables(t *testing.T) {
	var status atomic.Int64
	status.Store(410)
	b := newTestbed(t, func(string, int) int { return int(status.Load()) }, func(e *webhook.Endpoint) { e.Format = webhook.FormatEvent })
	// format event has another body: the listener takes what it can read
	b.bot.status = func(string, int) int { return 0 }
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer gone.Close()
	b.close()
	b.e.URL = gone.URL
	b.open()
	b.put("u1")
	b.until("it is disabled", func() bool { return b.w.Status().Disabled })
	attempts := b.w.Counters.Attempts.Load()
	for range 10 {
		b.put("u1")
	}
	b.close()
	b.open()
	status.Store(204)
	b.put("u2")
	if st := b.w.Status(); !st.Disabled || st.Queued != 12 || b.w.Counters.Attempts.Load() != 0 || attempts == 0 {
		t.Errorf("after the restart: %+v, %d attempts", st, b.w.Counters.Attempts.Load())
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.empty()
	if n := b.w.Counters.Delivered.Load(); n != 12 {
		t.Errorf("%d delivered", n)
	}
}
