package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// An event that fails over and over while others of its endpoint succeed
// becomes a dead letter when its schedule is through, and its conversation
// goes on.
func TestAloneFails(t *testing.T) {
	b := newTestbed(t, func(user string, n int) int {
		if user == "u1" && n == 1 {
			return 500
		}
		return 0
	}, func(b *testbed) { b.e.Schedule = slices.Repeat([]time.Duration{5 * time.Millisecond}, 3) })
	for range 3 {
		b.put("u1")
	}
	b.until("a dead letter", func() bool { b.put("u2"); return b.w.Counters.Dead.Load() == 1 })
	b.until("the rest", func() bool { b.bot.mu.Lock(); defer b.bot.mu.Unlock(); return len(b.bot.got["u1"]) == 2 })
	b.empty()
	d, _, err := b.s.DeadLetters().Get(t.Context(), "evt_u1-1")
	if err != nil || d.Endpoint != "echo" || len(d.Attempts) < 4 || !strings.Contains(d.Reason, "while others") || d.Attempts[0].Status != 500 || d.Type != "message.chat" {
		t.Errorf("dead letter %+v %v", d, err)
	}
	if c := b.link.errors["1"]; c != stanza.InternalServerError {
		t.Errorf("the sender got %q", c)
	}
	b.must(b.s.DeliveryLog().Flush(t.Context()))
	if got, err := b.s.DeliveryLog().Get(t.Context(), "evt_u1-1"); err != nil || got.State != deliverylog.Dead || len(got.Attempts) < 4 {
		t.Errorf("in the log: %+v %v", got, err)
	}
}

// While all of them fail it is the endpoint that is to blame, and only age
// ends an event; its sender gets an error, unless the endpoint drops old events.
func TestAllFail(t *testing.T) {
	for _, drop := range []bool{false, true} {
		b := newTestbed(t, func(string, int) int { return 404 }, func(b *testbed) {
			b.e.Format, b.e.Schedule, b.e.MaxAge, b.e.DropOld = webhook.FormatEvent, []time.Duration{time.Millisecond}, time.Second, drop
		})
		for range 5 {
			b.put("u1")
		}
		b.until("many attempts", func() bool { return b.w.Counters.Attempts.Load() > 10 })
		b.empty()
		if b.w.Counters.Expired.Load() != 5 || b.w.Counters.Dead.Load() != 5 {
			t.Errorf("%d expired, %d dead letters", b.w.Counters.Expired.Load(), b.w.Counters.Dead.Load())
		}
		sent := b.link.all()
		if want := 5; drop && len(sent) != 0 || !drop && b.link.failed() != want {
			t.Errorf("drop %v: senders got %v", drop, b.link.errors)
		}
		for i, s := range sent {
			if e, _ := s.StanzaError(); e == nil || e.Type != stanza.Wait || e.Condition != stanza.RecipientUnavailable || e.Text == "" || s.ID != fmt.Sprint(i) {
				t.Errorf("sent %s", s.XML())
			}
		}
	}
}

// An event without its dead letter stays, and has not expired.
func TestExpiryThatFails(t *testing.T) {
	core, logged := observer.New(zap.ErrorLevel)
	b := newTestbed(t, nil, func(b *testbed) { b.log, b.e.MaxAge = zap.New(core), time.Nanosecond })
	ev := b.event("u1")
	ev.ID = "no id" // a dead letter needs one
	b.give(ev)
	b.until("it fails", func() bool { return logged.FilterMessage(noDeadLetter).Len() > 0 })
	if c := &b.w.Counters; c.Expired.Load() != 0 || c.Dead.Load() != 0 || b.w.Status().Queued != 1 {
		t.Errorf("%d expired, %d dead letters, %+v", c.Expired.Load(), c.Dead.Load(), b.w.Status())
	}
}

// The events of a disabled endpoint expire as well, in memory or not.
func TestExpiryWhileDisabled(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) { b.e.MaxAge = 200 * time.Millisecond })
	b.must(b.w.Disable(t.Context(), "test"))
	for i := range 3000 { // more than memory holds
		b.put(fmt.Sprint("u", i%100))
	}
	b.until("the end of all", func() bool { return b.w.Counters.Dead.Load() == 3000 })
	b.empty()
	if n := b.bot.accepted(); n != 0 {
		t.Errorf("%d were delivered", n)
	}
	// and after a restart, when nothing is known of their age
	for i := range 50 {
		b.put(fmt.Sprint("v", i))
	}
	b.waiting(50)
	b.close()
	b.open()
	b.until("the end of those", func() bool { return b.w.Counters.Dead.Load() == 50 })
	b.empty()
}

// Dropping an event and replaying one keep the order of the others.
func TestDropAndReplay(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	for range 10 {
		b.put("u1")
	}
	b.waiting(10)
	b.must(b.w.Drop(t.Context(), "evt_u1-4"))
	if err := b.w.Drop(t.Context(), "evt_u1-4"); !errors.Is(err, errUnknown) {
		t.Errorf("dropped twice: %v", err)
	}
	r, ok, err := b.w.queue.disk.Find(t.Context(), "evt_u1-7")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	b.must(b.w.Drop(t.Context(), "evt_u1-7"))
	b.must(b.w.Replay(t.Context(), r.Record))
	b.must(b.w.Enable(t.Context()))
	b.until("all", func() bool { return b.bot.accepted() == 9 })
	b.empty()
	if got := fmt.Sprint(b.bot.got["u1"]); got != "[0 1 2 3 5 6 8 9 7]" {
		t.Errorf("order %s", got)
	}
	if b.bot.seen["evt_u1-7"] != 1 {
		t.Error("a replay has another webhook-id")
	}
}

// One conversation can not fill the store: events over its bound are refused, and their
// senders get an error.
func TestConversationOverItsBound(t *testing.T) {
	const room, more = 10_000, 100
	for _, pulled := range []bool{false, true} {
		t.Run(fmt.Sprintf("pulled=%v", pulled), func(t *testing.T) {
			var b *testbed
			if pulled {
				b = newPulled(t)
			} else {
				b = newTestbed(t, nil)
				b.must(b.w.Disable(t.Context(), "test"))
			}
			for range room {
				b.putAll("u1")
			}
			b.waiting(room)
			refused := 0 // at once; the others later, with an error
			for range more {
				if !b.put("u1") {
					refused++
				}
			}
			b.until("the refusals", func() bool { return b.link.failed() == more-refused })
			for id, c := range b.link.errors {
				if c != stanza.ResourceConstraint {
					t.Errorf("%s: %s", id, c)
				}
			}
			if st := b.w.Status(); st.Queued != room {
				t.Errorf("status %+v", st)
			}
			if pulled {
				b.ack(b.read("", room)[room-1].cursor)
				b.gone()
				return
			}
			b.must(b.w.Enable(t.Context()))
			b.empty()
			b.sent["u1"] = room
			b.bot.inOrder(t, b.sent, false)
		})
	}
}

// The queue of a removed endpoint that could not be counted when the worker ended is not
// taken for empty: it is counted by the sweep.
func TestRemovedIsCountedLater(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	for i := range 20 {
		b.put(fmt.Sprint("u", i%3))
	}
	b.waiting(20)
	b.w.Stop(t.Context())
	r := &Removed{Store: b.s, Sender: b.link, MaxAge: time.Hour, Log: zap.NewNop()}
	r.Add("echo", b.w.disk())
	r.sweep(t.Context())
	if n, err := b.s.Queues().Waiting(t.Context()); err != nil || n < 20 || r.Waiting()["echo"] != 20 {
		t.Errorf("%d events are stored, %v wait, %v", n, r.Waiting(), err)
	}
}

// The queue of a removed endpoint becomes dead letters, and is removed.
func TestRemoved(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	for i := range 20 {
		b.put(fmt.Sprint("u", i%3))
	}
	b.waiting(20)
	b.close()
	b.e.Name = "another"
	b.open()
	r := &Removed{Store: b.s, Sender: b.link, MaxAge: 300 * time.Millisecond, Log: zap.NewNop()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	b.until("their end", func() bool { n, err := b.s.DeadLetters().Count(t.Context(), "echo"); return err == nil && n == 20 })
	b.until("the end of the queue", func() bool {
		return len(b.s.Queues().Unclaimed()) == 0 && len(r.Waiting()) == 0
	})
	if b.link.failed() != 7 { // ids 0 to 6, of three users
		t.Errorf("senders got %v", b.link.errors)
	}
}

// The queue of an endpoint that is there again has one owner, also if nobody has claimed it
// yet.
func TestReleaseBeforeClaim(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	b.put("u")
	b.waiting(1)
	b.close()
	b.e.Name = "another"
	b.open()
	r := &Removed{Store: b.s, Sender: b.link, MaxAge: time.Hour, Log: zap.NewNop()}
	q, err := r.Release(t.Context(), "echo")
	b.must(err)
	r.claim(t.Context())
	if n := r.Waiting(); len(n) != 0 || len(q.Backlog()) != 1 {
		t.Errorf("%v wait for a removed endpoint, and %v for this one", n, q.Backlog())
	}
}

// When all that waits for a disabled endpoint is dropped, nothing of it is left in memory:
// no lane that waits for its turn, and no sender.
func TestDropForgetsLanes(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	const users = 9
	for range 2 {
		for i := range users {
			b.put(fmt.Sprint("u", i))
		}
	}
	b.waiting(2 * users)
	for n := range 2 {
		for i := range users {
			b.must(b.w.Drop(t.Context(), fmt.Sprintf("evt_u%d-%d", i, n)))
		}
	}
	q := b.w.queue
	q.mu.Lock()
	if len(q.lanes) != 0 || len(q.sources) != 0 || q.ready.lanes != 0 || q.ready.ring.len() != 0 || q.count != 0 {
		t.Errorf("%d lanes, %d senders, %d lanes and %d senders have their turn, %d events", len(q.lanes), len(q.sources), q.ready.lanes, q.ready.ring.len(), q.count)
	}
	q.mu.Unlock()
	b.sent = map[string]int{}
	for i := range users { // the same ids, and the same conversations
		b.put(fmt.Sprint("u", i))
	}
	b.must(b.w.Enable(t.Context()))
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}
