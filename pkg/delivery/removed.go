package delivery

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// sweepRemovedEvery is how often the queues of removed endpoints are looked at.
const sweepRemovedEvery = time.Minute

// Removed looks after the queues of endpoints that the configuration has no
// more. Their events wait, in case the endpoint comes back; those that get older
// than MaxAge become dead letters.
//
// Killed at any point: an event is in its queue until its dead letter is on
// disk.
type Removed struct {
	Store  *store.Store
	Sender Sender
	MaxAge time.Duration
	Log    *zap.Logger

	sweeping sync.Mutex // held by who works on the queues
	mu       sync.Mutex
	queues   map[string]*removedQueue
}

type removedQueue struct {
	w     *Worker // gives events up, and makes no attempts
	disk  *store.Queue
	lanes map[string]int // events by conversation
	count int
}

// Waiting returns how many events each removed endpoint has left.
func (r *Removed) Waiting() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := make(map[string]int, len(r.queues))
	for name, q := range r.queues {
		n[name] = q.count
	}
	return n
}

// Run looks after them until ctx ends. It is called when the endpoints of the
// configuration have opened their queues.
func (r *Removed) Run(ctx context.Context) {
	names, err := r.Store.UnclaimedQueues(ctx)
	if err != nil {
		r.log().Error("the queues of removed endpoints cannot be looked after", zap.Error(err))
	}
	for _, name := range names {
		q, err := r.Store.Queue(ctx, name)
		if err != nil {
			r.log().Error("the queue of a removed endpoint cannot be opened", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		r.Add(name, q)
	}
	tick := time.NewTicker(min(sweepRemovedEvery, max(r.MaxAge/4, 10*time.Millisecond)))
	defer tick.Stop()
	for {
		r.sweep(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Add takes over the queue of an endpoint that was removed, with its backlog.
func (r *Removed) Add(name string, disk *store.Queue) {
	w := &Worker{name: name, sender: r.Sender, store: r.Store, log: r.log().With(zap.String("endpoint", name))}
	w.current.Store(&setup{e: &webhook.Endpoint{Name: name, Queued: true}})
	e := &removedQueue{w: w, disk: disk, lanes: disk.Backlog()}
	for _, n := range e.lanes {
		e.count += n
	}
	r.mu.Lock()
	if r.queues == nil {
		r.queues = make(map[string]*removedQueue)
	}
	r.queues[name] = e
	r.mu.Unlock()
	if e.count > 0 {
		r.log().Warn("events wait for an endpoint that is not in the configuration; they become dead letters when they are too old",
			zap.String("endpoint", name), zap.Int("events", e.count), zap.Duration("max_age", r.MaxAge))
	}
}

// Release lets go of the queue of an endpoint that is in the configuration again,
// and returns it; nil if there was none. Its backlog is there for who opens it.
func (r *Removed) Release(ctx context.Context, name string) (*store.Queue, error) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	r.mu.Lock()
	q := r.queues[name]
	r.mu.Unlock()
	if q == nil {
		return nil, nil
	}
	if err := q.disk.Recount(ctx); err != nil {
		return nil, err
	}
	r.mu.Lock()
	delete(r.queues, name)
	r.mu.Unlock()
	return q.disk, nil
}

// sweep gives up what is too old, and removes queues that are empty.
func (r *Removed) sweep(ctx context.Context) {
	r.sweeping.Lock()
	defer r.sweeping.Unlock()
	r.mu.Lock()
	queues := make(map[string]*removedQueue, len(r.queues))
	for name, q := range r.queues {
		queues[name] = q
	}
	r.mu.Unlock()
	for name, q := range queues {
		for conversation := range q.lanes {
			if err := r.expire(ctx, q, conversation); err != nil {
				r.log().Warn("events of a removed endpoint stay for now", zap.String("endpoint", name), zap.Error(err))
				return
			}
		}
		if len(q.lanes) > 0 {
			continue
		}
		if err := r.Store.RemoveQueue(ctx, name); err != nil {
			r.log().Warn("the empty queue of a removed endpoint stays for now", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		r.mu.Lock()
		delete(r.queues, name)
		r.mu.Unlock()
	}
}

// expire gives up the events of a conversation that are too old.
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
			if err := q.w.giveUpRemoved(ctx, &list[i].Record); err != nil {
				return err
			}
			q.disk.Ack(conversation, list[i].Seq)
			r.mu.Lock()
			q.count--
			r.mu.Unlock()
		}
		if len(list) == 0 {
			delete(q.lanes, conversation)
			return nil
		}
	}
}

// giveUpRemoved makes a dead letter of an event of a removed endpoint, and tells the
// sender.
func (w *Worker) giveUpRemoved(ctx context.Context, r *store.Record) error {
	const reason = "the endpoint was removed from the configuration"
	ev, err := readEvent(r)
	if err != nil { // nobody to tell
		return w.store.PutDeadLetter(ctx, &store.DeadLetter{Record: *r, Endpoint: w.name, Reason: reason, Died: time.Now()})
	}
	if err := w.putDeadLetter(ctx, ev, r.Since, reason, nil); err != nil {
		return err
	}
	w.bounceNow(ev, tooLate())
	return nil
}

func (r *Removed) log() *zap.Logger {
	if r.Log == nil {
		return zap.NewNop()
	}
	return r.Log
}
