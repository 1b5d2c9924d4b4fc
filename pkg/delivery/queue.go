package delivery

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// queue delivers the events of an endpoint from memory while they are being
// stored (write-behind). Events of a conversation form a lane: its first
// events are in memory, and where they do not fit the rest stays in the store
// and is read when the lane gets there. So a conversation that is stuck, an
// endpoint that is down, and the backlog of the previous process are one case.
//
// A lane has one event in flight, or several in one request (Endpoint.Batch); as many lanes as the endpoint allows are
// worked on at a time. A lane whose event failed waits by itself.
//
// Killed: stored events are delivered after the restart, in
// the order of each conversation, with the same ids. An event that was not
// stored yet is lost, as if it had still been in the socket.
type queue struct {
	*responder
	attempts *attempter
	disk     *store.Queue
	runners  sync.WaitGroup

	mu       sync.Mutex
	handover *handover // nil: it is not handed over
	schedule
}

func newQueue(r *responder, a *attempter, disk *store.Queue) *queue {
	q := &queue{responder: r, attempts: a, disk: disk}
	q.memory = newMemory()
	q.timer = time.AfterFunc(never, q.wake)
	a.onRecovered = q.resume
	a.onDown = func(now time.Time, d time.Duration) {
		q.mu.Lock()
		q.wakeIn(now, d)
		q.mu.Unlock()
	}
	return q
}

// restore adds the events in the store, by conversation.
func (q *queue) restore(backlog map[string]int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for conversation, n := range backlog {
		l := q.lane(conversation, jid.JID{})
		l.tail = n
		q.count += n
		q.place(l)
	}
}

// enqueue adds an event. Its age counts from since; onStored, if given, is
// called when the event is stored or refused.
func (q *queue) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	sender := senderOf(q.Endpoint(), ev.Stanza.From)
	r := recordOf(ev, sender, since)
	it := &item{Event: ev, since: since, size: len(r.Stanza), onStored: onStored}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.handover != nil {
		return q.enqueueLate(q.lanes[r.Conversation], it)
	}
	l := q.lane(r.Conversation, sender)
	// An event that comes while the process ends is stored for the next one.
	inMemory := !q.closed && l.tail == 0 && q.fits(l)
	err := q.disk.Append(&r, func(seq uint64, err error) { q.onStored(l, it, inMemory, seq, err) })
	if err != nil {
		q.forgetIfDone(l)
		return err
	}
	q.count++
	if inMemory {
		q.tellQueued(ev, since)
		l.storing++
		q.load(l, it)
		q.place(l)
	} else {
		if l.tail == 0 && len(l.mem) == 0 {
			l.oldest = since
		}
		l.tail++
		l.tailStoring++
	}
	return nil
}

// onStored is called when the store has stored an event or refused it.
func (q *queue) onStored(l *lane, it *item, inMemory bool, seq uint64, err error) {
	q.mu.Lock()
	refused, decided := false, true
	if inMemory {
		l.storing--
		if err == nil {
			it.seq, it.state = seq, stored
			l.last = max(l.last, seq)
		} else {
			it.state = unstored
			// An attempt that is under way, or one after it, decides, or one has; none does
			// when the process ends.
			refused = (!it.begun || q.closed && !l.busyWith(slices.Index(l.mem, it))) && q.withdraw(l, it)
			decided = refused || it.ended
		}
		if it.settled != nil {
			close(it.settled)
		}
		q.ack(l)
	} else {
		l.tailStoring--
		if err != nil {
			l.tail--
			q.count--
			refused = true
			endSpan(it.Event, endDropped, notStored)
		} else { // it can be found from now on, and be read by place
			q.tellQueued(it.Event, it.since)
			endSpan(it.Event, endStored, "")
		}
	}
	q.place(l)
	if q.handover != nil {
		q.handover.stir()
	}
	q.mu.Unlock()
	if refused && inMemory {
		q.record(it.Event, deliverylog.Dropped, "could not be stored: "+err.Error())
	}
	if err != nil {
		q.onUnstored(it.Event, err, refused && it.onStored == nil)
	} else if q.tracing() {
		q.trace("event stored", it.Event, zap.Uint64("place", seq))
	}
	switch {
	case it.onStored == nil || !decided:
	case err != nil && inMemory && !refused: // its attempt was faster, and needs no store
		it.onStored(nil)
	default:
		it.onStored(err)
	}
}

// place puts an idle lane among the ready ones, or forgets it. q.mu is held.
func (q *queue) place(l *lane) {
	if l.state == idle && l.workable() {
		l.state = ready
		q.ready.push(l)
		q.spawn()
		return
	}
	q.forgetIfDone(l)
}

// ack acknowledges finished events to the store in conversation order. q.mu is held.
func (q *queue) ack(l *lane) {
	for len(l.trail) > 0 && l.trail[0].confirmed && l.trail[0].state != storing {
		it := l.trail[0]
		l.trail[0] = nil
		if l.trail = l.trail[1:]; len(l.trail) == 0 {
			l.trail = nil
		}
		if it.state == stored {
			q.disk.Ack(l.conversation, it.seq)
		}
	}
}

// onConfirmed is called when the server has confirmed all that was sent for an event.
func (q *queue) onConfirmed(l *lane, it *item) {
	if q.tracing() {
		q.trace("event finished", it.Event)
	}
	it.Span.End()
	q.mu.Lock()
	it.confirmed = true
	q.ack(l)
	q.forgetIfDone(l)
	q.mu.Unlock()
}

// close stops the runners after their current lane, and waits for them. What the store has
// refused by then, or does from now on, is lost with the process: its senders are told.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.timer.Stop()
	q.mu.Unlock()
	q.runners.Wait()
	var lost []*item
	q.mu.Lock()
	for _, l := range q.lanes {
		for _, it := range slices.Clone(l.mem) {
			if it.state == unstored && q.withdraw(l, it) {
				it.ended = true
				lost = append(lost, it)
				continue
			}
			endSpan(it.Event, endStored, "")
		}
	}
	q.mu.Unlock()
	q.lose(lost)
}

// len returns how many events are unfinished, and how many of them are in memory.
func (q *queue) len() (count, held int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count, q.held
}

// pending is [Worker.Pending].
func (q *queue) pending(id string) (attempts []deliverylog.Attempt, next time.Time, inFlight, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, i := q.find(id)
	if l != nil && i == 0 {
		attempts = append(attempts, l.history...)
		if l.state == waiting {
			next = l.until
		}
	}
	inFlight = l != nil && l.busyWith(i)
	return attempts, next, inFlight, l != nil
}

// inMemory is [Worker.InMemory].
func (q *queue) inMemory(id string) *webhook.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l, i := q.find(id); l != nil {
		return l.mem[i].Event
	}
	return nil
}

// behind is [Worker.Behind].
func (q *queue) behind(id string) (n int, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l, i := q.find(id)
	if l == nil {
		return 0, false
	}
	return len(l.mem) - i - 1 + l.tail, true
}

// drop is [Worker.Drop].
func (q *queue) drop(ctx context.Context, id string) error {
	if err := q.awaitStored(ctx, id); err != nil {
		return err
	}
	r, ok, err := q.disk.Find(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return errUnknown
	}
	if err := q.dropFromMemory(&r); err != nil {
		return err
	}
	if err := q.disk.Drop(ctx, r.Conversation, r.Seq); err != nil {
		return err
	}
	if ev, err := readEvent(&r.Record); err == nil {
		q.record(ev, deliverylog.Dropped, "by an operator")
	}
	return nil
}

// awaitStored waits while an event is being stored: its place is not known before.
func (q *queue) awaitStored(ctx context.Context, id string) error {
	q.mu.Lock()
	l, i := q.find(id)
	if l == nil || l.mem[i].state != storing {
		q.mu.Unlock()
		return nil
	}
	it := l.mem[i]
	if it.settled == nil {
		it.settled = make(chan struct{})
	}
	settled := it.settled
	q.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (q *queue) dropFromMemory(r *store.Stored) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[r.Conversation]
	switch {
	case l == nil:
		return errUnknown
	case l.state == busy && len(l.mem) == 0, l.busyWith(slices.IndexFunc(l.mem, func(it *item) bool { return it.seq == r.Seq })):
		return errInFlight
	case !q.discard(l, r.Seq):
		return errUnknown
	}
	q.place(l)
	return nil
}
