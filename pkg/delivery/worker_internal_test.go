package delivery

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// An event whose reply was not confirmed is delivered again after a restart,
// with the same ids; one whose reply was confirmed is not.
func TestAcknowledgedAfterTheReplyIsConfirmed(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) { b.bot.answer = text("answer") })
	b.put("confirmed")
	b.replies(1)
	b.link.mu.Lock()
	b.link.withhold = true
	b.link.mu.Unlock()
	b.put("unconfirmed")
	first := b.replies(2)[1]
	b.close()

	b.link = &link{}
	b.open()
	again := b.replies(1)[0]
	if again.XML() != first.XML() || again.ID != "evt_unconfirmed-0-1" {
		t.Errorf("after the restart %s\nbefore            %s", again.XML(), first.XML())
	}
	b.empty()
	if n := b.bot.seen; n["evt_confirmed-0"] != 1 || n["evt_unconfirmed-0"] != 2 || len(n) != 2 {
		t.Errorf("webhook-ids %v", n)
	}
}

// A link that is full makes replies wait; nothing is lost or reordered.
func TestBusyLink(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) { b.bot.answer, b.link.busy = text("answer"), 2 })
	b.put("u")
	b.put("u")
	if sent := b.replies(2); sent[0].ID != "evt_u-0-1" || sent[1].ID != "evt_u-1-1" {
		t.Errorf("ids %s, %s", sent[0].ID, sent[1].ID)
	}
}

// The sender of an event whose reply the server rejects gets an error; the event is
// finished.
func TestRejectedReply(t *testing.T) {
	b := newTestbed(t, nil, func(b *testbed) { b.bot.answer, b.link.reject = text("answer"), "evt_u-0-1" })
	b.put("u")
	b.empty()
	if sent := b.link.all(); len(sent) != 2 || sent[0].ID != "evt_u-0-1" || b.link.errors["0"] != stanza.InternalServerError {
		t.Errorf("sent %d stanzas, errors %v", len(sent), b.link.errors)
	}
	if n := b.bot.count(); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// Stopping aborts hanging attempts, and leaves their events in the store.
func TestStopLeavesUnansweredInTheStore(t *testing.T) {
	hang := make(chan struct{})
	b := newTestbed(t, nil, func(b *testbed) {
		b.bot.answer = func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}
	})
	defer close(hang)
	b.put("u")
	b.put("u")
	b.until("a request", func() bool { return b.bot.count() == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	b.w.Stop(ctx)
	if n, err := b.s.Queues().Waiting(t.Context()); err != nil || n != 2 {
		t.Errorf("%d events are in the store, want 2 (%v)", n, err)
	}
}

// An event that comes while the process ends is stored, and delivered by the next one.
func TestTakenWhileStopping(t *testing.T) {
	b := newTestbed(t, nil)
	b.put("u1")
	b.until("the first", func() bool { return b.bot.accepted() == 1 })
	b.w.Stop(t.Context())
	for range 3 {
		if !b.put("u1") {
			t.Fatal("it was refused")
		}
	}
	b.waiting(3)
	if n := b.bot.accepted(); n != 1 {
		t.Errorf("%d were delivered while stopping", n-1)
	}
	b.s.Close()
	b.open()
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// A reply waits for more only while the next event of its conversation is there; the
// last one, and that of a conversation with one event at a time, is sent at once.
func TestRepliesWithMore(t *testing.T) {
	for _, queued := range []bool{true, false} {
		t.Run(fmt.Sprintf("queued=%v", queued), func(t *testing.T) {
			open := make(chan struct{})
			b := newTestbed(t, func(string, int) int { <-open; return 0 }, func(b *testbed) { b.e.Queued, b.bot.answer = queued, text("hi") })
			for _, user := range []string{"many", "many", "many", "one"} {
				if !b.put(user) {
					t.Fatal("not taken")
				}
			}
			close(open)
			more := make(map[string][]bool)
			for i, s := range b.replies(4) {
				more[s.To.Local()] = append(more[s.To.Local()], b.link.more[i])
			}
			if got := more["many"]; !slices.Equal(got, []bool{true, true, false}) && !(!queued && slices.Equal(got[1:], []bool{true, false})) {
				t.Errorf("three events: %v", got)
			}
			if got := more["one"]; !slices.Equal(got, []bool{false}) {
				t.Errorf("one event: %v", got)
			}
		})
	}
}

// The result of an attempt is counted under one name.
func TestResults(t *testing.T) {
	message, iq := parsed("<message from='u@example.com' to='b@example.net'/>"), parsed("<iq type='get' id='1' from='u@example.com' to='b@example.net'/>")
	for _, c := range []struct {
		name   string
		queued bool
		format webhook.Format
		s      *stanza.Stanza
		v      webhook.Verdict
		want   string
	}{
		{"accepted", true, webhook.FormatEvent, message, webhook.Verdict{Status: 204}, "success"},
		{"refused for good", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "dead"},
		{"refused by a bot of a module", true, webhook.FormatRestXML, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"an answer without sense", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 200}, "refused"},
		{"refused directly", false, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"an IQ refused", true, webhook.FormatEvent, iq, webhook.Verdict{Outcome: webhook.Refused, Status: 422}, "refused"},
		{"no answer", true, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Again}, "retry"},
		{"no answer to a direct one", false, webhook.FormatEvent, message, webhook.Verdict{Outcome: webhook.Again}, "failed"},
		{"no answer to an IQ", true, webhook.FormatEvent, iq, webhook.Verdict{Outcome: webhook.Again}, "failed"},
	} {
		e := endpoint("http://127.0.0.1:1")
		e.Format, e.Queued = c.format, c.queued
		w := newWorker(t, e, &link{}, nil)
		w.attempts.count(&webhook.Event{Stanza: c.s}, &c.v, time.Millisecond)
		for name, n := range w.Counters.Results.All() {
			if (n == 1) != (name == c.want) {
				t.Errorf("%s: %d %s", c.name, n, name)
			}
		}
		if w.Counters.Duration.Snapshot().Count != 1 || w.Counters.Attempts.Load() != 1 || (w.Counters.Failures.Load() == 1) != (c.v.Outcome != webhook.Done) {
			t.Errorf("%s: %+v", c.name, w.Counters.Duration.Snapshot())
		}
	}
}
