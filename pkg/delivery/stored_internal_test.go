package delivery

import (
	"errors"
	"testing"

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
