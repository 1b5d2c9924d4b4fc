package store

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// Queue holds the events of one endpoint until they are acknowledged. Its first events
// may be in WAITING, and the others are in EVENTS (recent.go); those of a pulled endpoint
// are in WAITING all of them. The events in flight are in the memory of the worker as
// well; the queue is read after a restart, and for events that do not fit into memory.
type Queue struct {
	qs   *Queues
	name string
	// onResult is q.appended, made once and not for each event.
	onResult func(a *stream.Append, seq uint64, err error)

	mu     sync.Mutex
	pulled bool
	// inRecent: some of its events may be in EVENTS.
	inRecent bool
	backlog  map[string]int
	charged  charges // what was stored since the start, and what was read
	// Of what is charged, of a pulled endpoint: read by Page, and stored since it is pulled.
	places   [2][]placed
	unlisted map[uint64]bool // charged, and not in places: stored before that, and not read
	bytes    int64           // about, of what is not acknowledged
	// On NATS, how many events of each conversation are in EVENTS and not finished: the
	// stream has no bound of its own (stream.Config.Sequenced). Else nil.
	recentOf map[string]int
	uncharged
	older

	pending atomic.Int64 // appended, and done was not called yet
}

// uncharged are the events that an earlier process stored.
type uncharged struct {
	count int
	size  int64 // of one, about
}

func newQueue(qs *Queues, endpoint string, found *backlog) *Queue {
	q := &Queue{qs: qs, name: endpoint}
	q.conversations, q.finished, q.over = make(map[string]int), make(map[string]uint64), make(map[uint64]bool)
	q.onResult = q.appended
	if qs.bounded {
		q.recentOf = make(map[string]int)
	}
	if found != nil {
		maps.Copy(q.conversations, found.older)
		if qs.bounded {
			maps.Copy(q.recentOf, found.recent)
		}
		q.backlog, q.inRecent = found.all(), len(found.recent) > 0
		q.last = qs.waiting.top.Load()
		for _, n := range q.backlog {
			q.uncharged.count += n
		}
		q.uncharged.size = found.size
		q.bytes = int64(q.uncharged.count) * found.size
	}
	return q
}

func (q *Queue) recentSubject(conversation string) string {
	return "event." + q.name + "." + conversation
}

func (q *Queue) olderSubject(conversation string) string {
	return "waiting." + q.name + "." + conversation
}

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
		Data: r.data(), Result: q.onResult,
		Owner: r.Sender, Size: int64(len(r.Stanza) + recordBytes), Done: done,
	}
	q.mu.Lock()
	pulled, full := q.pulled, q.conversations[r.Conversation] >= maxPerConversation || q.recentOf[r.Conversation] >= maxPerConversation
	q.inRecent = q.inRecent || !q.pulled
	if pulled && !full {
		q.conversations[r.Conversation]++
	}
	if q.recentOf != nil && !pulled && !full {
		q.recentOf[r.Conversation]++
	}
	q.mu.Unlock()
	if full {
		return errConversation
	}
	if a.Subject = q.recentSubject(r.Conversation); pulled {
		a.Subject = q.olderSubject(r.Conversation)
	}
	if !q.qs.Senders.Take(a.Owner, a.Size) {
		q.refused(a.Subject)
		return errSender
	}
	q.pending.Add(1)
	err := q.qs.pub.add(&a)
	if err != nil {
		q.pending.Add(-1)
		q.qs.Senders.Give(a.Owner, a.Size)
		q.refused(a.Subject)
	}
	return err
}

// refused takes an event that was not stored off its conversation's count.
func (q *Queue) refused(subject string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pulled {
		q.gone(conversationOf(subject), math.MaxUint64)
	} else {
		q.leave(conversationOf(subject))
	}
}

// leave notes that an event is not in EVENTS any more, or is finished there. q.mu is held.
func (q *Queue) leave(conversation string) {
	if q.recentOf == nil {
		return
	}
	if q.recentOf[conversation]--; q.recentOf[conversation] <= 0 {
		delete(q.recentOf, conversation)
	}
}

// appended notes the result of Append and passes it to done.
func (q *Queue) appended(a *stream.Append, seq uint64, err error) {
	if err == nil {
		q.qs.stored(seq, len(a.Data))
		owner := q.qs.Senders.of(a.Owner)
		q.mu.Lock()
		q.charged.read.take(seq) // read before this was known
		q.charged.stored.add(charge{seq, a.Size, owner})
		q.bytes += a.Size
		if q.pulled {
			q.places[1] = append(q.places[1], placed{seq, conversationOf(a.Subject)})
		}
		q.mu.Unlock()
	} else {
		q.qs.Senders.Give(a.Owner, a.Size)
		q.refused(a.Subject)
	}
	a.Done(seq, err)
	q.pending.Add(-1)
}

// placed is an event of a pulled queue.
type placed struct {
	place        uint64
	conversation string
}

var (
	errSender       = fmt.Errorf("%w: the waiting events of this sender use up its share, a quarter of the queues", gateway.ErrFull)
	errConversation = fmt.Errorf("%w: too many events of this conversation wait", gateway.ErrFull)
)

// refund takes an event off the queue's bytes and its sender's share. q.mu is held.
func (q *Queue) refund(place uint64) {
	c, ok := q.charged.take(place)
	switch {
	case ok:
		q.qs.Senders.give(c.owner, c.size)
	case q.uncharged.count > 0:
		q.uncharged.count--
		c.size = q.uncharged.size
	}
	q.bytes -= c.size
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
	q.moving.Lock()
	defer q.moving.Unlock()
	q.mu.Lock()
	counts, inRecent, from := maps.Clone(q.conversations), q.inRecent, max(q.movedTo+1, firstRecent)
	q.mu.Unlock()
	for inRecent {
		page, err := q.qs.recent.st.Page(ctx, q.recentSubject(allConversations), from, movePage)
		if err != nil {
			return fmt.Errorf("count the events of %s: %w", q.name, err)
		}
		for i := range page {
			if from = page[i].Seq + 1; !q.qs.recent.isOver(page[i].Seq) {
				counts[conversationOf(page[i].Subject)]++
			}
		}
		inRecent = len(page) > 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.backlog = counts
	return nil
}

// Ack notes that an event is finished and may be removed. The events of a conversation
// are acknowledged in their order.
//
// Killed before the removal, which comes some milliseconds later: the event is
// delivered again, with the same id.
func (q *Queue) Ack(conversation string, place uint64) {
	q.mu.Lock()
	q.ack(conversation, place)
	q.mu.Unlock()
	q.qs.wake()
}

// ack is Ack; q.mu is held.
func (q *Queue) ack(conversation string, place uint64) {
	q.refund(place)
	if seq, ok := q.older.placeOf(place); ok {
		q.older.finish(conversation, seq)
		q.qs.touch(q)
		return
	}
	q.leave(conversation)
	q.qs.recent.mark(place)
}
