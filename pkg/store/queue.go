package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	queuePrefix = "EV_" // of stream names
	// maxPerConversation bounds what one conversation may have waiting, so
	// that one flood does not fill the store for all.
	maxPerConversation = 10_000
	readTimeout        = 10 * time.Second
)

// Queue holds the events of one endpoint until they are answered: a stream,
// with a subject for each conversation. Whoever delivers the events keeps
// those in flight in memory; the queue is what a restart reads, and where the
// events wait that do not fit into memory.
type Queue struct {
	s      *Store
	name   string
	stream string

	mu      sync.Mutex
	led     ledger
	top     uint64 // the last event that was stored and said so
	marked  bool   // is in s.dirty
	handle  handle
	backlog map[string]int
	owed    map[uint64]owed // by place, of what was stored since the start
	through uint64          // DoneThrough was called with

	bytes   atomic.Int64 // when they were last counted
	pending atomic.Int64 // appended, and done was not called yet
}

// Queue opens the queue of an endpoint, and makes it if it is not there.
func (s *Store) Queue(ctx context.Context, endpoint string) (*Queue, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[endpoint]; q != nil {
		return q, nil
	}
	q := &Queue{s: s, name: endpoint, stream: queuePrefix + endpoint, owed: make(map[uint64]owed)}
	if err := q.open(ctx); err != nil {
		return nil, fmt.Errorf("open the queue of %s: %w", endpoint, err)
	}
	s.queues[endpoint] = q
	return q, nil
}

func (q *Queue) open(ctx context.Context) error {
	stream, err := q.s.eng.Load().js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:                 q.stream,
		Description:          "stanzas that wait for the endpoint " + q.name,
		Subjects:             []string{q.subject("*")},
		Retention:            jetstream.LimitsPolicy,
		Storage:              jetstream.FileStorage,
		Discard:              jetstream.DiscardNew,
		DiscardNewPerSubject: true,
		MaxMsgsPerSubject:    maxPerConversation,
		// Not used, but the server reads at its start all that came within it.
		Duplicates:  time.Second,
		AllowDirect: true,
	})
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(q.subject("*")), jetstream.WithDeletedDetails(true))
	if err != nil {
		return err
	}
	q.led = newLedger(info.State.FirstSeq, info.State.LastSeq+1, info.State.Deleted)
	q.top = info.State.LastSeq
	q.backlog = make(map[string]int, len(info.State.Subjects))
	prefix := len(q.subject(""))
	for subject, n := range info.State.Subjects {
		q.backlog[subject[prefix:]] = int(n)
	}
	q.counted(int64(info.State.Bytes))
	return nil
}

func (q *Queue) subject(conversation string) string { return "ev." + q.name + "." + conversation }

// Name returns the name of the endpoint.
func (q *Queue) Name() string { return q.name }

// Backlog returns how many events of each conversation were there when the
// queue was opened. It can be asked for once.
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
// Errors: ErrFull, also over the sender's share; ErrClosed.
func (q *Queue) Append(r *Record, done func(seq uint64, err error)) error {
	w := waiting{q, q.subject(r.Conversation), r.data(), owed{r.Sender, int64(len(r.Stanza) + recordBytes)}, done}
	if !q.s.Senders.Take(w.owed.sender, w.owed.size) {
		return errSender
	}
	q.pending.Add(1)
	err := q.s.pub.add(w)
	if err != nil {
		q.pending.Add(-1)
		q.s.Senders.Give(w.owed.sender, w.owed.size)
	}
	return err
}

// owed is what an event takes of its sender's share.
type owed struct {
	sender string
	size   int64
}

var errSender = fmt.Errorf("%w: what waits of this sender takes a quarter of it, his share", ErrFull)

// paid gives back what an event has taken of its sender's share; q.mu is held.
func (q *Queue) paid(seq uint64) {
	if o, ok := q.owed[seq]; ok {
		delete(q.owed, seq)
		q.s.Senders.Give(o.sender, o.size)
	}
}

// Recount counts anew what each conversation has left, for who takes the queue
// over from somebody who does not append to it any more: Backlog can be asked for
// once more then. It waits until what was appended is stored.
func (q *Queue) Recount(ctx context.Context) error {
	for q.pending.Load() > 0 { // the store answers in some milliseconds, or refuses
		pause(ctx, 5*time.Millisecond)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("count the events of %s: %w", q.name, err)
		}
	}
	q.remove() // of what is answered, as much as can be removed now
	stream, err := q.bound(ctx, q.s.eng.Load())
	var info *jetstream.StreamInfo
	if err == nil {
		info, err = stream.Info(ctx, jetstream.WithSubjectFilter(q.subject("*")))
	}
	if err != nil {
		return fmt.Errorf("count the events of %s: %w", q.name, err)
	}
	backlog := make(map[string]int, len(info.State.Subjects))
	prefix := len(q.subject(""))
	for subject, n := range info.State.Subjects {
		backlog[subject[prefix:]] = int(n)
	}
	q.mu.Lock()
	q.backlog = backlog
	q.mu.Unlock()
	q.counted(int64(info.State.Bytes))
	return nil
}

// stored notes that an event was stored.
func (q *Queue) stored(seq uint64, o owed) {
	q.mu.Lock()
	q.top = seq
	if o.sender != "" {
		q.owed[seq] = o
	}
	q.mu.Unlock()
}

// disown removes what an engine has after the last event that was said to be
// stored: the senders of those were refused.
//
// Killed before: they are delivered after the restart, although their senders
// were told that they are not.
func (q *Queue) disown(ctx context.Context, e *engine) error {
	stream, err := e.js.Stream(ctx, q.stream)
	if err != nil {
		return fmt.Errorf("queue %s: %w", q.name, err)
	}
	q.mu.Lock()
	from := q.top + 1
	q.mu.Unlock()
	last := stream.CachedInfo().State.LastSeq
	for seq := from; seq <= last; seq++ {
		if err := deleteMsg(ctx, stream, seq); err != nil {
			return fmt.Errorf("queue %s: remove what was refused: %w", q.name, err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for seq := from; seq <= last; seq++ {
		q.led.mark(seq)
	}
	q.top = max(q.top, last)
	return nil
}

// deleteMsg removes a message that may not be there.
func deleteMsg(ctx context.Context, stream jetstream.Stream, seq uint64) error {
	err := stream.DeleteMsg(ctx, seq)
	if err == nil {
		return nil
	}
	if _, there := stream.GetMsg(ctx, seq); errors.Is(there, jetstream.ErrMsgNotFound) {
		return nil
	}
	return err
}

// Done says that an event is answered and may be removed. The events of a
// conversation are answered in their order.
//
// Killed before the removal, which comes some milliseconds later: the event is
// delivered again, with the same id.
func (q *Queue) Done(conversation string, seq uint64) {
	q.mu.Lock()
	q.led.done(conversation, seq, time.Now())
	q.paid(seq)
	q.mark()
	q.mu.Unlock()
}

// Drop removes one event, out of its order.
func (q *Queue) Drop(ctx context.Context, seq uint64) error {
	stream, err := q.bound(ctx, q.s.eng.Load())
	if err == nil {
		err = deleteMsg(ctx, stream, seq)
	}
	if err != nil {
		return fmt.Errorf("remove an event: %w", err)
	}
	q.mu.Lock()
	q.led.mark(seq)
	q.paid(seq)
	q.mu.Unlock()
	return nil
}

// state is what the store counts.
func (q *Queue) state(ctx context.Context) (jetstream.StreamState, error) {
	stream, err := q.bound(ctx, q.s.eng.Load())
	var info *jetstream.StreamInfo
	if err == nil {
		info, err = stream.Info(ctx)
	}
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("store: queue %s: %w", q.name, err)
	}
	q.counted(int64(info.State.Bytes))
	return info.State, nil
}

func (q *Queue) counted(bytes int64) { q.s.held.Add(bytes - q.bytes.Swap(bytes)) }

// mark puts the queue on the list of those that have something to remove; q.mu
// is held.
func (q *Queue) mark() {
	if q.marked {
		return
	}
	select {
	case q.s.dirty <- q:
		q.marked = true
	default: // at the next event
	}
}

// Orphans returns the names of queues that no endpoint has opened.
func (s *Store) Orphans(ctx context.Context) ([]string, error) {
	var names []string
	list := s.eng.Load().js.StreamNames(ctx)
	for name := range list.Name() {
		endpoint, ok := strings.CutPrefix(name, queuePrefix)
		s.mu.Lock()
		open := s.queues[endpoint] != nil
		s.mu.Unlock()
		if ok && !open {
			names = append(names, endpoint)
		}
	}
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	return names, nil
}

// RemoveQueue removes a queue and whatever is in it.
func (s *Store) RemoveQueue(ctx context.Context, endpoint string) error {
	if err := s.eng.Load().js.DeleteStream(ctx, queuePrefix+endpoint); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("remove the queue of %s: %w", endpoint, err)
	}
	s.mu.Lock()
	if q := s.queues[endpoint]; q != nil {
		q.counted(0)
		q.mu.Lock()
		for seq := range q.owed {
			q.paid(seq)
		}
		q.mu.Unlock()
		delete(s.queues, endpoint)
	}
	s.mu.Unlock()
	return nil
}
