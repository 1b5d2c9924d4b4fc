package delivery

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Removed keeps the queues of endpoints that are not in the configuration any more. Their
// events wait, in case the endpoint comes back; events older than MaxAge become dead
// letters.
//
// Killed at any point: an event is in its queue until its dead letter is on
// disk.
type Removed struct {
	Store  *store.Store
	Sender Sender
	MaxAge time.Duration
	Route  Route // it may be nil
	Log    *zap.Logger
	Watch  Watch

	sweeping sync.Mutex // held while queues are claimed, swept or released
	mu       sync.Mutex
	queues   map[string]*removedQueue
}

type removedQueue struct {
	r     *responder
	disk  *store.Queue
	lanes map[string]int // events by conversation; nil: not counted yet
	count int
}

// Waiting returns how many events each removed endpoint has left, without those that have
// none.
func (r *Removed) Waiting() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := make(map[string]int, len(r.queues))
	for name, q := range r.queues {
		if q.count > 0 || q.lanes == nil { // or it is not counted yet
			n[name] = q.count
		}
	}
	return n
}

// Run sweeps the queues until ctx ends. It is called when the endpoints of the
// configuration have opened their queues.
func (r *Removed) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery(r.MaxAge))
	defer tick.Stop()
	for {
		r.claim(ctx)
		r.sweep(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// claim opens the queues that no endpoint has opened.
func (r *Removed) claim(ctx context.Context) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	for _, name := range r.Store.Queues().Unclaimed() {
		q, err := r.Store.Queues().Open(ctx, name)
		if err != nil {
			r.log().Error("queue of a removed endpoint not opened; retrying", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		r.Add(name, q)
	}
}

// counted takes over what the store has counted.
func (q *removedQueue) counted() {
	q.lanes, q.count = q.disk.Backlog(), 0
	for _, n := range q.lanes {
		q.count += n
	}
}

// Add adds the queue of an endpoint that was removed, with its backlog. One that could not
// be counted is counted by a sweep.
func (r *Removed) Add(name string, disk *store.Queue) {
	t := newTarget(&setup{e: &webhook.Endpoint{Name: name, Queued: true}}, r.log())
	t.store, t.watch = r.Store, r.Watch
	e := &removedQueue{r: &responder{t, r.Sender}, disk: disk}
	e.counted()
	r.mu.Lock()
	if r.queues == nil {
		r.queues = make(map[string]*removedQueue)
	}
	r.queues[name] = e
	r.mu.Unlock()
	if e.count > 0 {
		r.log().Warn("events wait for a removed endpoint",
			zap.String("endpoint", name), zap.Int("events", e.count), zap.Duration("max_age", r.MaxAge), zap.String("hint", "after max_age they become dead letters; put the endpoint back to deliver them"))
	}
}

// Release gives back the queue of an endpoint that is in the configuration again, or is
// new, ready to be opened.
func (r *Removed) Release(ctx context.Context, name string) (*store.Queue, error) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	r.mu.Lock()
	q := r.queues[name]
	r.mu.Unlock()
	if q == nil {
		return r.Store.Queues().Open(ctx, name) // so that claim leaves it alone
	}
	if err := q.disk.Recount(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	delete(r.queues, name)
	r.mu.Unlock()
	return q.disk, nil
}

// sweep gives up expired events, and removes empty queues.
func (r *Removed) sweep(ctx context.Context) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	r.mu.Lock()
	queues := maps.Clone(r.queues)
	r.mu.Unlock()
	for name, q := range queues {
		if q.lanes == nil {
			if err := q.disk.Recount(ctx); err != nil {
				r.log().Warn("events of a removed endpoint not counted; retrying", zap.String("endpoint", name), zap.Error(err))
				continue
			}
			r.mu.Lock()
			q.counted()
			r.mu.Unlock()
		}
		if err := r.rehome(ctx, name, q); err != nil {
			r.log().Warn("events of a temporary endpoint not moved; retrying", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		for conversation := range q.lanes {
			if err := r.expire(ctx, q, conversation); err != nil {
				r.log().Warn("events of a removed endpoint not expired; retrying", zap.String("endpoint", name), zap.Error(err))
				return
			}
		}
		if len(q.lanes) > 0 {
			continue
		}
		if err := r.Store.Queues().Remove(ctx, name); err != nil {
			r.log().Warn("empty queue of a removed endpoint not removed; retrying", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		r.mu.Lock()
		delete(r.queues, name)
		r.mu.Unlock()
	}
}

// expire gives up the expired events of a conversation.
func (r *Removed) expire(ctx context.Context, q *removedQueue, conversation string) error {
	for {
		list, err := q.disk.Read(ctx, conversation, 0, usual.read)
		if err != nil {
			return err
		}
		for i := range list {
			if time.Since(list[i].Since) < r.MaxAge {
				return nil
			}
			if err := q.giveUp(ctx, &list[i].Record); err != nil {
				return err
			}
			r.ack(q, conversation, list[i].Seq)
		}
		if len(list) == 0 {
			delete(q.lanes, conversation)
			return nil
		}
	}
}

// ack takes an event that is finished off its queue.
func (r *Removed) ack(q *removedQueue, conversation string, place uint64) {
	q.disk.Ack(conversation, place)
	r.mu.Lock()
	q.count--
	r.mu.Unlock()
}

// giveUp gives up an event. A damaged one has no sender.
func (q *removedQueue) giveUp(ctx context.Context, r *store.Record) error {
	const reason = "the endpoint was removed from the configuration"
	ev, err := readEvent(r)
	if err != nil {
		return q.r.store.DeadLetters().Put(ctx, &store.DeadLetter{Record: *r, Endpoint: q.r.name, Reason: reason, Died: time.Now()})
	}
	bounce, err := q.r.giveUpExpired(ctx, ev, r.Since, reason, nil)
	if err != nil {
		return err
	}
	q.r.record(ev, deliverylog.Dead, reason)
	q.r.sendError(ev, bounce)
	return nil
}

func (r *Removed) log() *zap.Logger {
	if r.Log == nil {
		return zap.NewNop()
	}
	return r.Log
}
