package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// Queues are the queues of all endpoints.
type Queues struct {
	// Senders are the shares of senders in the queues.
	Senders *Shares

	srv     *stream.Server
	disk    *disk
	log     *zap.Logger
	pub     *publisher
	recent  recent
	waiting waiting
	dirty   chan struct{} // there is something to remove
	moved   atomic.Int64  // events, since the start
	bounded bool          // by conversation, in memory: on NATS

	touching  sync.Mutex
	touched   map[*Queue]bool // with something to remove in WAITING
	removeFor time.Duration   // the constant, but in tests

	mu    sync.Mutex
	open  map[string]*Queue   // by endpoint
	found map[string]*backlog // of queues that are not open, by endpoint
}

// backlog is what the store had of a queue when it was opened: events by conversation.
type backlog struct {
	recent, older map[string]int
	size          int64 // of an event, about
}

func (b *backlog) all() map[string]int {
	all := maps.Clone(b.older)
	for conversation, n := range b.recent {
		all[conversation] += n
	}
	return all
}

func newQueues(s *Store) *Queues {
	return &Queues{
		Senders: NewShares(s.disk.maxEvents), srv: s.srv, disk: s.disk, log: s.log, bounded: s.o.NATS != nil,
		recent: recent{st: s.stream(recentConfig(&s.o)), heldFor: heldFor, settleFor: settleFor}, waiting: waiting{st: s.stream(olderConfig(&s.o))},
		dirty: make(chan struct{}, 1), removeFor: removeFor, touched: make(map[*Queue]bool), open: make(map[string]*Queue), found: make(map[string]*backlog),
	}
}

// load looks for what the store has.
func (qs *Queues) load(ctx context.Context) error {
	waiting, err := qs.waiting.st.StateOf(ctx, qs.waiting.st.Subjects())
	if err != nil {
		return fmt.Errorf("open the events that wait: %w", err)
	}
	qs.waiting.made = waiting.Made
	qs.waiting.top.Store(waiting.Last)
	recent, err := qs.recent.load(ctx)
	if err != nil {
		return err
	}
	if qs.bounded {
		if recent, err = qs.resumeAll(ctx, recent, waiting); err != nil {
			return err
		}
	}
	size := int64(recent.Bytes+waiting.Bytes) / int64(max(1, recent.Records+waiting.Records))
	add := func(subject string, n uint64, part func(*backlog) map[string]int) {
		tokens := strings.Split(subject, ".")
		b := qs.found[tokens[1]]
		if b == nil {
			b = &backlog{recent: make(map[string]int), older: make(map[string]int), size: size}
			qs.found[tokens[1]] = b
		}
		part(b)[tokens[2]] = int(n)
	}
	for subject, n := range recent.Subjects {
		add(subject, n, func(b *backlog) map[string]int { return b.recent })
	}
	for subject, n := range waiting.Subjects {
		add(subject, n, func(b *backlog) map[string]int { return b.older })
	}
	if qs.srv.Health() == nil { // NATS never had a stream for each
		if err := qs.takeOver(ctx); err != nil {
			return err
		}
	}
	qs.disk.events.Store(int64(recent.Bytes + waiting.Bytes))
	return nil
}

// Open opens the queue of an endpoint, which need not have been there.
func (qs *Queues) Open(ctx context.Context, endpoint string) (*Queue, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q := qs.open[endpoint]; q != nil {
		return q, nil
	}
	if found := qs.found[endpoint]; !qs.bounded && found != nil && len(found.recent) > 0 && len(found.older) > 0 {
		if err := qs.resume(ctx, endpoint); err != nil {
			return nil, fmt.Errorf("open the queue of %s: %w", endpoint, err)
		}
	}
	q := newQueue(qs, endpoint, qs.found[endpoint])
	delete(qs.found, endpoint)
	qs.open[endpoint] = q
	return q, nil
}

// Unclaimed returns the names of queues that have events, and that no endpoint has opened.
func (qs *Queues) Unclaimed() []string {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return slices.Collect(maps.Keys(qs.found))
}

// Remove removes a queue and whatever is in it.
//
// Killed before it returns: some of its events are there.
func (qs *Queues) Remove(ctx context.Context, endpoint string) error {
	q, err := qs.Open(ctx, endpoint)
	if err == nil && qs.bounded && !q.isCopied() { // what is on its way would come after that
		err = errUnderWay
	}
	if err == nil {
		err = qs.recent.st.Purge(ctx, q.recentSubject(allConversations), 0)
	}
	if err == nil {
		err = qs.waiting.st.Purge(ctx, q.olderSubject(allConversations), 0)
	}
	if err != nil {
		return fmt.Errorf("remove the queue of %s: %w", endpoint, err)
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, place := range slices.Collect(q.charged.places()) {
		q.refund(place)
	}
	delete(qs.open, endpoint)
	return nil
}

// Waiting returns how many events are stored. It brings the estimate of what the queues
// hold up to date.
func (qs *Queues) Waiting(ctx context.Context) (uint64, error) {
	var n, bytes uint64
	for _, st := range []*stream.Stream{qs.recent.st, qs.waiting.st} {
		state, err := st.State(ctx)
		if err != nil {
			return 0, fmt.Errorf("count the events: %w", err)
		}
		n, bytes = n+state.Records, bytes+state.Bytes
	}
	qs.disk.events.Store(int64(bytes))
	return n, nil
}

// stored notes that an event was stored, and reported as such.
func (qs *Queues) stored(place uint64, size int) {
	qs.disk.events.Add(int64(size))
	if place < firstRecent {
		qs.waiting.top.Store(place)
	} else {
		qs.recent.stored(place)
	}
}

// discard removes what was refused, and stored all the same.
func (qs *Queues) discard(ctx context.Context) error {
	if err := discard(ctx, qs.recent.st, qs.recent.last(), qs.recent.mark); err != nil {
		return err
	}
	return discard(ctx, qs.waiting.st, qs.waiting.top.Load(), func(uint64) {})
}
