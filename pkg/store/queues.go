package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// Queues are the queues of all endpoints.
type Queues struct {
	// Senders are the shares of senders in the queues.
	Senders *Shares

	srv   *stream.Server
	disk  *disk
	log   *zap.Logger
	pub   *publisher
	dirty chan *Queue // with something to remove

	mu   sync.Mutex
	open map[string]*Queue // by endpoint
}

func newQueues(srv *stream.Server, d *disk, log *zap.Logger) *Queues {
	return &Queues{
		Senders: NewShares(d.maxEvents), srv: srv, disk: d, log: log, pub: newPublisher(srv, d),
		dirty: make(chan *Queue, 1024), open: make(map[string]*Queue),
	}
}

// Open opens the queue of an endpoint, and makes it if it is not there.
func (qs *Queues) Open(ctx context.Context, endpoint string) (*Queue, error) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q := qs.open[endpoint]; q != nil {
		return q, nil
	}
	q := newQueue(qs, endpoint)
	if err := q.open(ctx); err != nil {
		return nil, err
	}
	qs.open[endpoint] = q
	return q, nil
}

// Unclaimed returns the names of queues that no endpoint has opened.
func (qs *Queues) Unclaimed(ctx context.Context) ([]string, error) {
	var names []string
	for name, err := range qs.srv.Names(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the queues: %w", err)
		}
		endpoint, ok := strings.CutPrefix(name, queuePrefix)
		qs.mu.Lock()
		open := qs.open[endpoint] != nil
		qs.mu.Unlock()
		if ok && !open {
			names = append(names, endpoint)
		}
	}
	return names, nil
}

// Remove removes a queue and whatever is in it.
//
// Killed before it returns: the queue is there or not.
func (qs *Queues) Remove(ctx context.Context, endpoint string) error {
	if err := newQueue(qs, endpoint).st.Remove(ctx); err != nil {
		return fmt.Errorf("remove the queue of %s: %w", endpoint, err)
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if q := qs.open[endpoint]; q != nil {
		q.counted(0)
		q.mu.Lock()
		for seq := range q.charged {
			q.refund(seq)
		}
		q.mu.Unlock()
		delete(qs.open, endpoint)
	}
	return nil
}

// Waiting returns how many events have not been acknowledged. It brings the estimate of
// what the queues hold up to date.
func (qs *Queues) Waiting(ctx context.Context) (uint64, error) {
	var n uint64
	for _, q := range qs.all() {
		state, err := q.state(ctx)
		if err != nil {
			return 0, err
		}
		n += state.Records
	}
	return n, nil
}

func (qs *Queues) all() []*Queue {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return slices.Collect(maps.Values(qs.open))
}

// sweepPause is how long acknowledged events are gathered before they are removed
// together: the window in which a kill brings them back. A removal costs the
// server about 0.7 ms, because it writes the index of the stream anew; so with many
// busy queues, or a slow disk, more is gathered: removals take a tenth of the time, until
// maxSweepPause.
const (
	sweepPause    = 50 * time.Millisecond
	sweepShare    = 10
	maxSweepPause = 2 * time.Second
)

// sweep removes acknowledged events, until ctx ends and once more then.
func (qs *Queues) sweep(ctx context.Context) {
	var took time.Duration
	for {
		select {
		case q := <-qs.dirty:
			batch := []*Queue{q}
			pause(ctx, min(max(sweepPause, took*(sweepShare-1)), maxSweepPause))
			for more := true; more; {
				select {
				case q := <-qs.dirty:
					batch = append(batch, q)
				default:
					more = false
				}
			}
			began := time.Now()
			for _, q := range batch {
				q.remove()
			}
			took = time.Since(began)
		case <-ctx.Done():
			for _, q := range qs.all() {
				q.remove()
			}
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
