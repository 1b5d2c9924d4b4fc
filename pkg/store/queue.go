package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

const (
	queuePrefix = "EV_" // of stream names
	// maxPerConversation bounds what one conversation may have waiting, so
	// that one flood does not fill the store for all.
	maxPerConversation = 10_000
)

// Queue holds the events of one endpoint until they are acknowledged: a stream, with a
// subject for each conversation. The events in flight are in the memory of the worker as
// well; the queue is read after a restart, and for events that do not fit into memory.
type Queue struct {
	qs   *Queues
	name string
	st   *stream.Stream
	// onResult is q.appended, made once and not for each event.
	onResult func(a *stream.Append, seq uint64, err error)

	mu      sync.Mutex
	led     ledger
	top     uint64 // the last event that was reported as stored
	marked  bool   // is in qs.dirty
	backlog map[string]int
	charged map[uint64]charge // by place, of what was stored since the start
	through uint64            // AckThrough was called with

	bytes   atomic.Int64 // when they were last counted
	pending atomic.Int64 // appended, and done was not called yet
}

func newQueue(qs *Queues, endpoint string) *Queue {
	q := &Queue{qs: qs, name: endpoint, charged: make(map[uint64]charge)}
	q.onResult = q.appended
	q.st = qs.srv.Stream(stream.Config{
		Name: queuePrefix + endpoint, About: "queue of " + endpoint, Subjects: q.subject("*"),
		RefuseNew: true, RefusePerSubject: true, MaxPerSubject: maxPerConversation,
	})
	return q
}

func (q *Queue) open(ctx context.Context) error {
	if err := q.st.Open(ctx); err != nil {
		return err
	}
	state, err := q.st.FullState(ctx)
	if err != nil {
		return fmt.Errorf("open the queue of %s: %w", q.name, err)
	}
	q.led = newLedger(state.First, state.Last+1, state.Deleted)
	q.top = state.Last
	q.backlog = q.conversations(state.Subjects)
	q.counted(int64(state.Bytes))
	return nil
}

// conversations returns how many events each conversation has.
func (q *Queue) conversations(subjects map[string]uint64) map[string]int {
	all := make(map[string]int, len(subjects))
	prefix := len(q.subject(""))
	for subject, n := range subjects {
		all[subject[prefix:]] = int(n)
	}
	return all
}

func (q *Queue) subject(conversation string) string { return "ev." + q.name + "." + conversation }

// Name returns the name of the endpoint.
func (q *Queue) Name() string { return q.name }

// Backlog returns how many events of each conversation there were when the queue was
// opened, or at Recount. Only the first call returns it.
func (q *Queue) Backlog() map[string]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.backlog
	q.backlog = nil
	return b
}

// Append stores an event. It does not wait: done is called once, on another
// goroutine, with the event's place, or why it could not be stored; those of
// one queue in the order of the calls. An error of Append itself means that
// done is not called.
//
// Killed between Append and done: the event is lost, as if it had still been
// in the socket; XEP-0114 has no acknowledgements.
//
// Errors: gateway.ErrFull, also over the sender's share; ErrClosed.
func (q *Queue) Append(r *Record, done func(seq uint64, err error)) error {
	a := stream.Append{
		Subject: q.subject(r.Conversation), Data: r.data(), Result: q.onResult,
		Owner: r.Sender, Size: int64(len(r.Stanza) + recordBytes), Done: done,
	}
	if !q.qs.Senders.Take(a.Owner, a.Size) {
		return errSender
	}
	q.pending.Add(1)
	err := q.qs.pub.add(&a)
	if err != nil {
		q.pending.Add(-1)
		q.qs.Senders.Give(a.Owner, a.Size)
	}
	return err
}

// appended notes the result of Append and passes it to done.
func (q *Queue) appended(a *stream.Append, seq uint64, err error) {
	if err == nil {
		q.qs.disk.events.Add(int64(len(a.Data)))
		sender := q.qs.Senders.name(a.Owner)
		q.mu.Lock()
		q.top = seq
		if sender != "" {
			q.charged[seq] = charge{sender, a.Size}
		}
		q.mu.Unlock()
	} else {
		q.qs.Senders.Give(a.Owner, a.Size)
	}
	a.Done(seq, err)
	q.pending.Add(-1)
}

// charge is how much of its sender's share an event uses.
type charge struct {
	sender string
	size   int64
}

var errSender = fmt.Errorf("%w: the waiting events of this sender use up its share, a quarter of the queues", gateway.ErrFull)

// refund returns the charge of an event to its sender's share. q.mu is held.
func (q *Queue) refund(seq uint64) {
	if c, ok := q.charged[seq]; ok {
		delete(q.charged, seq)
		q.qs.Senders.Give(c.sender, c.size)
	}
}

// Recount counts the events of each conversation anew, and Backlog returns them once
// more, for a worker that takes over the queue. It waits until all appended events are
// stored. The worker before must not append any more.
func (q *Queue) Recount(ctx context.Context) error {
	for q.pending.Load() > 0 { // the store answers in some milliseconds, or refuses
		pause(ctx, 5*time.Millisecond)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("count the events of %s: %w", q.name, err)
		}
	}
	q.remove() // as many acknowledged events as possible now
	state, err := q.st.StateOf(ctx, q.subject("*"))
	if err != nil {
		return fmt.Errorf("count the events of %s: %w", q.name, err)
	}
	q.mu.Lock()
	q.backlog = q.conversations(state.Subjects)
	q.mu.Unlock()
	q.counted(int64(state.Bytes))
	return nil
}

// discardUnacknowledged removes the events after the last one that was reported as
// stored: they were reported as refused.
//
// Killed before: they are delivered after the restart all the same.
func (q *Queue) discardUnacknowledged(ctx context.Context) error {
	state, err := q.st.State(ctx)
	if err != nil {
		return fmt.Errorf("queue %s: %w", q.name, err)
	}
	q.mu.Lock()
	from := q.top + 1
	q.mu.Unlock()
	for seq := from; seq <= state.Last; seq++ {
		if err := q.st.Delete(ctx, seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return fmt.Errorf("queue %s: remove what was refused: %w", q.name, err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for seq := from; seq <= state.Last; seq++ {
		q.led.mark(seq)
	}
	q.top = max(q.top, state.Last)
	return nil
}

// Ack notes that an event is finished and may be removed. The events of a conversation
// are acknowledged in their order.
//
// Killed before the removal, which comes some milliseconds later: the event is
// delivered again, with the same id.
func (q *Queue) Ack(conversation string, seq uint64) {
	q.mu.Lock()
	q.led.done(conversation, seq, time.Now())
	q.refund(seq)
	q.mark()
	q.mu.Unlock()
}

// Drop removes one event, out of its order.
func (q *Queue) Drop(ctx context.Context, seq uint64) error {
	if err := q.st.Delete(ctx, seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("remove an event: %w", err)
	}
	q.mu.Lock()
	q.led.mark(seq)
	q.refund(seq)
	q.mu.Unlock()
	return nil
}

// state returns what the stream has, and updates the estimate of the queue's bytes.
func (q *Queue) state(ctx context.Context) (stream.State, error) {
	state, err := q.st.State(ctx)
	if err != nil {
		return state, fmt.Errorf("store: queue %s: %w", q.name, err)
	}
	q.counted(int64(state.Bytes))
	return state, nil
}

func (q *Queue) counted(bytes int64) { q.qs.disk.events.Add(bytes - q.bytes.Swap(bytes)) }

// mark puts the queue on the list of those that have something to remove; q.mu
// is held.
func (q *Queue) mark() {
	if q.marked {
		return
	}
	select {
	case q.qs.dirty <- q:
		q.marked = true
	default: // at the next event
	}
}
