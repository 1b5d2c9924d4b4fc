package delivery

import (
	"cmp"
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

// handover is what a queue needs that is handed over. The queue's mutex guards it.
type handover struct {
	to      Route
	stirred chan struct{} // the store has answered
	under   int           // events that another endpoint is storing
	err     error         // of one that it could not store
}

// errHandedOver means that a queue takes no events of a conversation any more.
var errHandedOver = errors.New("the queue is handed over")

// HandOver gives what waits in the queue of a temporary endpoint to the endpoints that get
// it from now on. Its worker has stopped, and may still get events: those of a conversation
// with events here wait in memory until these are gone, and others go on at once. So each
// conversation keeps its order, nobody waits, and after HandOver nothing comes into the
// queue. With an error some events are left; so are those that no endpoint gets, or that
// are damaged.
//
// Killed on the way: an event is in this queue until the other endpoint has stored it. It
// may be in both then, and is delivered twice under one id. One that waits in memory is
// lost, as if it had still been in the socket.
func (w *Worker) HandOver(ctx context.Context, to Route) error {
	q := w.queue
	q.mu.Lock()
	h := &handover{to: to, stirred: make(chan struct{}, 1)}
	q.handover = h
	all := make([]*lane, 0, len(q.lanes)) // there will be no others
	for _, l := range q.lanes {
		all = append(all, l)
	}
	q.mu.Unlock()
	var err error
	for _, l := range all {
		err = cmp.Or(err, q.handOver(ctx, l))
		q.passLate(l)
	}
	err = cmp.Or(err, q.await(ctx, func() bool { return h.under == 0 }))
	if err == nil {
		q.mu.Lock()
		err = h.err
		q.mu.Unlock()
	}
	if err != nil {
		err = fmt.Errorf("hand over the events of %s: %w", w.name, err)
	}
	return err
}

// handOver gives the stored events of a conversation away.
func (q *queue) handOver(ctx context.Context, l *lane) error {
	err := q.await(ctx, func() bool { return l.storing == 0 && l.tailStoring == 0 })
	q.leaveToStore(l)
	for after := uint64(0); err == nil; {
		var list []store.Stored
		if list, err = q.disk.Read(ctx, l.conversation, after, usual.read); err != nil || len(list) == 0 {
			return err
		}
		n, failed := passOn(list, q.handover.to, func(i int) func(error) { return q.handing(l, list[i].Seq) })
		if n > 0 {
			after = list[n-1].Seq
		}
		if failed == nil && n < len(list) { // the next one stays
			return nil
		}
		if failed != nil {
			q.notHanded(l)
			err = retryable(ctx, failed)
		}
	}
	return err
}

// retryable waits before another attempt after an error, or returns it.
func retryable(ctx context.Context, err error) error {
	if errors.Is(err, gateway.ErrBusy) || errors.Is(err, gateway.ErrFull) {
		select {
		case <-time.After(busyDelay):
			return nil
		case <-ctx.Done():
		}
	}
	return err
}

// handing notes that another endpoint stores an event, and returns what to call then.
func (q *queue) handing(l *lane, seq uint64) func(error) {
	it := &item{seq: seq, state: stored}
	q.mu.Lock()
	defer q.mu.Unlock()
	l.trail = append(l.trail, it)
	l.tail--
	q.count--
	q.handover.under++
	return func(err error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if err == nil {
			it.confirmed = true
			q.ack(l)
			q.forgetIfDone(l)
		} else {
			q.handover.err = err
		}
		q.handover.under--
		q.handover.stir()
	}
}

// notHanded takes the last handing back.
func (q *queue) notHanded(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.trail = l.trail[:len(l.trail)-1]
	l.tail++
	q.count++
	q.handover.under--
}

// stir ends an await.
func (h *handover) stir() {
	select {
	case h.stirred <- struct{}{}:
	default:
	}
}

// await waits until a condition holds, which is tried with the queue's mutex held.
func (q *queue) await(ctx context.Context, cond func() bool) error {
	for {
		q.mu.Lock()
		ok := cond()
		q.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-q.handover.stirred:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leaveToStore takes the events of a lane out of memory. Those whose replies the server
// has not confirmed are delivered again.
func (q *queue) leaveToStore(l *lane) {
	q.mu.Lock()
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
			endSpan(it.Event, endStored, "")
		}
	}
	l.trail, l.mem = nil, nil
	q.mu.Unlock()
	for _, it := range refused {
		q.passItem(it)
	}
}

// enqueueLate keeps an event until the earlier ones of its lane are handed over. q.mu is held.
func (q *queue) enqueueLate(l *lane, it *item) error {
	switch {
	case l == nil || l.handed:
		return errHandedOver
	case !q.room(l) || len(l.late) >= q.max.ahead:
		return fmt.Errorf("%w: too many events of a conversation that is handed over", gateway.ErrFull)
	}
	l.late = append(l.late, it)
	q.charge(l, it)
	return nil
}

// passLate gives the events away that came meanwhile. Those that come after it go on at once.
func (q *queue) passLate(l *lane) {
	for {
		q.mu.Lock()
		late := l.late
		l.late = nil
		for _, it := range late {
			q.unload(l, it)
		}
		if len(late) == 0 {
			l.handed, l.state = true, idle
			q.forgetIfDone(l)
		}
		q.mu.Unlock()
		if len(late) == 0 {
			return
		}
		for _, it := range late {
			q.passItem(it)
		}
	}
}

// passItem is pass for an event whose sender is to learn if it comes to nothing.
func (q *queue) passItem(it *item) {
	if err := q.pass(it.Event, it.since, it.onStored); err != nil {
		q.onUnstored(it.Event, err, it.onStored == nil)
		if it.onStored != nil {
			it.onStored(err)
		}
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
	}
	w.beginSpan(ev, since)
	switch {
	case !w.direct.deliver(ev):
		return fmt.Errorf("%w: too many direct deliveries", gateway.ErrBusy)
	case onStored != nil:
		onStored(nil)
	}
	return nil
}

// passOn gives stored events to the endpoints that get them now, in order, and returns how
// many of the first ones these store; onStored is called with the place of each, and what
// it returns when it is stored or refused. It stops at an event that no endpoint gets, or
// that is damaged.
func passOn(list []store.Stored, to Route, onStored func(i int) func(error)) (n int, err error) {
	for i := range list {
		ev, damaged := readEvent(&list[i].Record)
		if damaged != nil {
			return i, nil
		}
		w := to(ev.Component, ev.Stanza)
		if w == nil {
			return i, nil
		}
		if err := w.inherit(ev, time.Now(), onStored(i)); err != nil {
			return i, err
		}
	}
	return len(list), nil
}
