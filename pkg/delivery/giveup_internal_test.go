package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

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
	}, func(e *webhook.Endpoint) {
		e.Schedule = []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond}
	})
	for range 3 {
		b.put("u1")
	}
	b.until("a dead letter", func() bool { b.put("u2"); return b.w.Counters.Dead.Load() == 1 })
	b.until("the rest", func() bool { b.bot.mu.Lock(); defer b.bot.mu.Unlock(); return len(b.bot.got["u1"]) == 2 })
	b.empty()
	d, _, err := b.s.DeadLetter(t.Context(), "evt_u1-1")
	if err != nil || d.Endpoint != "echo" || len(d.Attempts) < 4 || !strings.Contains(d.Reason, "while others") || d.Attempts[0].Status != 500 || d.Type != "message.chat" {
		t.Errorf("dead letter %+v %v", d, err)
	}
	if c := b.sink.errors["1"]; c != stanza.InternalServerError {
		t.Errorf("the sender got %q", c)
	}
	if err := b.s.DeliveryLog().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := b.s.DeliveryLog().Get(t.Context(), "evt_u1-1"); err != nil || got.State != deliverylog.Dead || len(got.Attempts) < 4 {
		t.Errorf("in the log: %+v %v", got, err)
	}
}

// While all of them fail it is the endpoint that is to blame, and only age
// ends an event.
func TestAllFail(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 500 }, func(e *webhook.Endpoint) {
		e.Schedule = []time.Duration{time.Millisecond}
		e.MaxAge = 300 * time.Millisecond
	})
	for range 5 {
		b.put("u1")
	}
	b.until("many attempts", func() bool { return b.w.Counters.Attempts.Load() > 20 })
	b.until("the end of all", func() bool { return b.w.Counters.Dead.Load() == 5 })
	b.empty()
	if n := b.w.Counters.Expired.Load(); n != 5 || b.sink.count() != 5 {
		t.Errorf("%d expired, senders got %v", n, b.sink.errors)
	}
}

// An endpoint that may not be tried at all: what gets too old is given up all
// the same, in memory or not.
func TestExpiryWhileDisabled(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 }, func(e *webhook.Endpoint) { e.MaxAge = 200 * time.Millisecond })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
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
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 50 })
	b.close()
	b.open()
	b.until("the end of those", func() bool { return b.w.Counters.Dead.Load() == 50 })
	b.empty()
}

// Events can be taken out of a queue, and put into it again; both keep the
// order of the others.
func TestDropAndReplay(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		b.put("u1")
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 10 })
	if err := b.w.Drop(t.Context(), "evt_u1-4"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Drop(t.Context(), "evt_u1-4"); !errors.Is(err, ErrUnknown) {
		t.Errorf("dropped twice: %v", err)
	}
	r, ok, err := b.w.queue.disk.Find(t.Context(), "evt_u1-7")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := b.w.Drop(t.Context(), "evt_u1-7"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Replay(t.Context(), r.Record); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until("all", func() bool { return b.bot.accepted() == 9 })
	b.empty()
	if got := fmt.Sprint(b.bot.got["u1"]); got != "[0 1 2 3 5 6 8 9 7]" {
		t.Errorf("order %s", got)
	}
	if b.bot.seen["evt_u1-7"] != 1 {
		t.Error("a replay has another webhook-id")
	}
}

// One conversation can not fill the store: what is over its bound is refused,
// and its sender told.
func TestConversationOverItsBound(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for range 10_100 {
		b.until("room in front of the store", func() bool { return b.put("u1") })
	}
	b.until("the refusals", func() bool { return b.sink.count() == 100 })
	for id, c := range b.sink.errors {
		if c != stanza.ResourceConstraint {
			t.Errorf("%s: %s", id, c)
		}
	}
	if st := b.w.Status(); st.Queued != 10_000 {
		t.Errorf("status %+v", st)
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.empty()
	b.sent["u1"] = 10_000
	b.bot.inOrder(t, b.sent, false)
}

// The queue of an endpoint that is gone becomes dead letters, and is removed.
func TestRetired(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b.put(fmt.Sprint("u", i%3))
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 20 })
	b.close()
	b.e.Name = "another"
	b.open()
	r := &Removed{Store: b.s, Sender: b.sink, MaxAge: 300 * time.Millisecond, Log: zap.NewNop()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	b.until("their end", func() bool { n, err := b.s.CountDeadLetters(t.Context(), "echo"); return err == nil && n == 20 })
	b.until("the end of the queue", func() bool {
		names, err := b.s.UnclaimedQueues(t.Context())
		return err == nil && len(names) == 0 && len(r.Waiting()) == 0
	})
	if b.sink.count() != 7 { // ids 0 to 6, of three users
		t.Errorf("senders got %v", b.sink.errors)
	}
}

// What comes while the process ends is stored, and delivered by the next one.
func TestTakenWhileStopping(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	b.put("u1")
	b.until("the first", func() bool { return b.bot.accepted() == 1 })
	b.w.Stop(t.Context())
	for range 3 {
		if !b.put("u1") {
			t.Fatal("it was refused")
		}
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 3 })
	if n := b.bot.accepted(); n != 1 {
		t.Errorf("%d were delivered while stopping", n-1)
	}
	b.s.Close()
	b.open()
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}
