package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// Route returns the worker of the endpoint that gets a stanza; nil if there is none.
type Route func(component string, s *stanza.Stanza) *Worker

// handover is what a queue needs that is handed over.
type handover struct {
	to     Route
	stored chan struct{} // the store has answered
}

// errHandedOver means that a queue takes no events of a conversation any more.
var errHandedOver = errors.New("the queue is handed over")

// HandOver gives what waits in the queue of a temporary endpoint to the endpoints that get
// it from now on. Its worker has stopped, and may still get events: those of a conversation
// with events here wait behind them, and others go on at once. So each conversation keeps
// its order, nobody waits, and after HandOver nothing comes into the queue; but for
// conversations that no endpoint gets, or that have a damaged event: these are left.
//
// Killed on the way: an event is in this queue until the other endpoint has stored it. It
// may be in both then, and is delivered twice under one id.
func (w *Worker) HandOver(ctx context.Context, to Route) error {
	q := w.queue
	q.mu.Lock()
	q.handover = &handover{to, make(chan struct{}, 1)}
	all := make([]*lane, 0, len(q.lanes)) // there will be no others
	for _, l := range q.lanes {
		all = append(all, l)
	}
	q.mu.Unlock()
	err := q.handOver(ctx, all)
	if err != nil {
		err = fmt.Errorf("hand over the events of %s: %w", w.name, err)
	}
	return err
}

// handOver gives conversations away, some events of each in turn: one that gets events
// faster than they go holds up no other.
func (q *queue) handOver(ctx context.Context, left []*lane) error {
	for _, l := range left {
		if err := q.leaveToStore(ctx, l); err != nil {
			return err
		}
	}
	for {
		wait, rest := true, left[:0]
		for _, l := range left {
			known, over := q.toHandOver(l)
			more := !over
			if known > 0 {
				var err error
				if more, err = q.handNext(ctx, l, known); err != nil {
					return err
				}
				wait = false
			}
			if more {
				rest = append(rest, l)
			}
		}
		if left = rest; len(left) == 0 {
			return nil
		}
		if wait {
			if err := q.awaitStore(ctx); err != nil {
				return err
			}
		}
	}
}

// toHandOver returns how many events of a conversation are stored. If there are none, and
// none are being stored, the next event goes on at once: the queue forgets the conversation.
func (q *queue) toHandOver(l *lane) (known int, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.tail <= 0 {
		l.state = idle
		q.forgetIfDone(l)
		return 0, true
	}
	return l.tail - l.tailStoring, false
}

// handedTogether bounds the events of a conversation that are handed over together.
const handedTogether = 256

// handNext gives the next events of a conversation away, of known ones in the store. It
// reports false if the next one stays.
func (q *queue) handNext(ctx context.Context, l *lane, known int) (more bool, err error) {
	list, err := q.disk.Read(ctx, l.conversation, 0, min(known, handedTogether))
	if err != nil {
		return false, err
	}
	n, err := passOn(ctx, list, q.handover.to)
	for _, r := range list[:n] {
		q.disk.Ack(l.conversation, r.Seq)
	}
	gone := n
	if len(list) == 0 { // removed by an operator
		gone = known
	}
	q.mu.Lock()
	l.tail -= gone
	q.count -= gone
	q.mu.Unlock()
	if errors.Is(err, gateway.ErrBusy) || errors.Is(err, gateway.ErrFull) {
		select {
		case <-time.After(busyDelay):
			return true, nil
		case <-ctx.Done():
		}
	}
	return gone > 0, err
}

// leaveToStore takes the events of a lane out of memory. Those whose replies the server
// has not confirmed are delivered again.
func (q *queue) leaveToStore(ctx context.Context, l *lane) error {
	for q.mu.Lock(); l.storing > 0; q.mu.Lock() {
		q.mu.Unlock()
		if err := q.awaitStore(ctx); err != nil {
			return err
		}
	}
	if l.state == waiting {
		q.waits.remove(l)
	}
	l.state = busy
	var refused []*item // by the store, when their first attempt had begun: they are nowhere else
	for _, it := range l.mem {
		q.unload(l, it)
		q.count--
		if it.state == unstored {
			refused = append(refused, it)
		}
	}
	for _, it := range append(l.trail, l.mem...) {
		if it.state == stored {
			l.tail++
			q.count++
		}
	}
	l.trail, l.mem = nil, nil
	q.mu.Unlock()
	for _, it := range refused {
		if err := q.pass(it.Event, it.since, nil); err != nil {
			q.onUnstored(it.Event, err, true)
		}
	}
	return nil
}

// awaitStore waits until the store has answered.
func (q *queue) awaitStore(ctx context.Context) error {
	select {
	case <-q.handover.stored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass gives an event that is not stored here to the endpoint that gets it.
func (q *queue) pass(ev *webhook.Event, since time.Time, onStored func(error)) error {
	w := q.handover.to(ev.Component, ev.Stanza)
	if w == nil {
		return errNoQueue
	}
	w.Counters.Received.Add(1)
	return w.inherit(ev, since, onStored)
}

// inherit takes an event over from another endpoint. onStored, if given, is called when it
// is stored, refused, or in memory if it is delivered directly.
//
// Killed before that: the event is where it was; after it, see Enqueue and Deliver.
func (w *Worker) inherit(ev *webhook.Event, since time.Time, onStored func(error)) error {
	switch {
	case w.Endpoint().Queued:
		return w.enqueue(ev, since, onStored)
	case !w.direct.deliver(ev):
		return fmt.Errorf("%w: too many direct deliveries", gateway.ErrBusy)
	case onStored != nil:
		onStored(nil)
	}
	return nil
}

// passOn gives stored events to the endpoints that get them now, in order, and returns how
// many of the first ones these have. It stops at an event that no endpoint gets, or that is
// damaged.
func passOn(ctx context.Context, list []store.Stored, to Route) (n int, err error) {
	type result struct {
		i   int
		err error
	}
	results := make(chan result, len(list))
	there := make([]bool, 0, len(list))
	for i := range list {
		ev, damaged := readEvent(&list[i].Record)
		if damaged != nil {
			break
		}
		w := to(ev.Component, ev.Stanza)
		if w == nil {
			break
		}
		if err = w.inherit(ev, time.Now(), func(err error) { results <- result{i, err} }); err != nil {
			break
		}
		there = append(there, false)
	}
	for range there {
		select {
		case r := <-results:
			there[r.i] = r.err == nil
			if err == nil {
				err = r.err
			}
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	for n < len(there) && there[n] {
		n++
	}
	return n, err
}
