package delivery

import (
	"errors"
	"testing"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/webhook"
)

// Who waits for an event to be stored learns once that it is stored, or needs no store any
// more, or is nowhere; in that case the sender is told nothing: the event is offered again.
func TestOnStoredOnce(t *testing.T) {
	full := gateway.ErrFull
	answered, failed := verdict{Verdict: webhook.Verdict{Outcome: webhook.Done}}, verdict{Verdict: webhook.Verdict{Outcome: webhook.Again}}
	for _, c := range []struct {
		what string
		run  func(q *queue, l *lane, it *item) // it is the first of the lane
		want error
	}{
		{"stored", func(q *queue, l *lane, it *item) { q.onStored(l, it, true, 1, nil) }, nil},
		{"refused before its attempt", func(q *queue, l *lane, it *item) { q.onStored(l, it, true, 0, full) }, full},
		{"refused, then answered", func(q *queue, l *lane, it *item) {
			it.begun = true
			q.onStored(l, it, true, 0, full)
			q.settle(l, it, answered)
		}, nil},
		{"answered, then refused", func(q *queue, l *lane, it *item) {
			it.begun = true
			q.settle(l, it, answered)
			q.onStored(l, it, true, 0, full)
		}, nil},
		{"refused, then failed", func(q *queue, l *lane, it *item) {
			it.begun = true
			q.onStored(l, it, true, 0, full)
			q.settle(l, it, failed)
		}, full},
		{"refused behind one that failed", func(q *queue, l *lane, it *item) {
			it.begun = true
			q.onStored(l, it, true, 0, full)
			q.giveBack(l, []*item{it}, 1)
		}, full},
	} {
		b := newTestbed(t, nil)
		q := b.w.queue
		var told []error
		it := &item{Event: b.event("u"), size: 1, onStored: func(err error) { told = append(told, err) }}
		q.mu.Lock()
		l := q.lane(conversationOf(it.Event), it.Stanza.From.Bare())
		l.state, l.storing = busy, 1
		q.load(l, it)
		q.count++
		q.mu.Unlock()
		c.run(q, l, it)
		if len(told) != 1 || !errors.Is(told[0], c.want) {
			t.Errorf("%s: %v, not %v", c.what, told, c.want)
		}
		if n := len(b.link.all()); n > 0 {
			t.Errorf("%s: %d stanzas to the sender", c.what, n)
		}
		q.mu.Lock()
		l.state = idle
		q.mu.Unlock()
	}
}

// An event that is neither stored nor delivered when the process ends goes back to its sender, once:
// one whose attempt is broken off as well, and one that waits for another attempt.
func TestUnstoredAtTheEnd(t *testing.T) {
	refuse := func(q *queue, l *lane, it *item) { q.onStored(l, it, true, 0, gateway.ErrFull) }
	fail := func(q *queue, l *lane, it *item) {
		it.begun = true
		q.settle(l, it, verdict{Verdict: webhook.Verdict{Outcome: webhook.Again}, setup: q.current.Load()}) // an attempt with another setup is made again at once
	}
	breakOff := func(q *queue, l *lane, it *item) {
		it.begun = true
		q.giveBack(l, []*item{it}, 0)
		q.mu.Lock()
		l.state = idle // the runner has done its work
		q.mu.Unlock()
	}
	end := func(q *queue, _ *lane, _ *item) { q.close() }
	for what, c := range map[string]struct {
		steps []func(q *queue, l *lane, it *item)
		back  int
	}{
		"broken off, then refused":                        {[]func(*queue, *lane, *item){breakOff, end, refuse}, 1},
		"refused, then broken off":                        {[]func(*queue, *lane, *item){func(_ *queue, _ *lane, it *item) { it.begun = true }, refuse, breakOff, end}, 1},
		"waits for another attempt, then refused":         {[]func(*queue, *lane, *item){fail, end, refuse}, 1},
		"refused while it waits for another attempt":      {[]func(*queue, *lane, *item){fail, refuse, end}, 1},
		"stored while it waits":                           {[]func(*queue, *lane, *item){fail, end, func(q *queue, l *lane, it *item) { q.onStored(l, it, true, 1, nil) }}, 0},
		"refused before, and told":                        {[]func(*queue, *lane, *item){refuse, end}, 1},
		"refused while it waits, and the process goes on": {[]func(*queue, *lane, *item){fail, refuse}, 0},
	} {
		b := newTestbed(t, nil, func(b *testbed) { b.e.Schedule = []time.Duration{time.Hour} }) // no other attempt comes between the steps
		q := b.w.queue
		it := &item{Event: b.event("u"), size: 1, since: time.Now()}
		q.mu.Lock()
		l := q.lane(conversationOf(it.Event), it.Stanza.From.Bare())
		l.state, l.storing = busy, 1
		q.load(l, it)
		q.count++
		q.mu.Unlock()
		for _, step := range c.steps {
			step(q, l, it)
		}
		if n := b.link.failed(); n != c.back || len(b.link.all()) != c.back {
			t.Errorf("%s: %d errors to the sender", what, n)
		}
		q.mu.Lock()
		l.state = idle
		q.mu.Unlock()
	}
}
