package delivery

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// retiredEvery is how often the queues of removed endpoints are looked at.
const sweepRemovedEvery = time.Minute

// Retired looks after the queues of endpoints that the configuration has no
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

	repeats loglimit.Limiter

	sweeping sync.Mutex // held by who works on the queues
	mu       sync.Mutex
	queues   map[string]*removedQueue
}

type removedQueue struct {
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
		r.Log.Error("the queues of removed endpoints cannot be looked after", zap.Error(err))
	}
	for _, name := range names {
		q, err := r.Store.Queue(ctx, name)
		if err != nil {
			r.Log.Error("the queue of a removed endpoint cannot be opened", zap.String("endpoint", name), zap.Error(err))
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

// Take takes over the queue of an endpoint that was removed, with its backlog.
func (r *Removed) Add(name string, disk *store.Queue) {
	e := &removedQueue{disk: disk, lanes: disk.Backlog()}
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
		r.Log.Warn("events wait for an endpoint that is not in the configuration; they become dead letters when they are too old",
			zap.String("endpoint", name), zap.Int("events", e.count), zap.Duration("max_age", r.MaxAge))
	}
}

// Give lets go of the queue of an endpoint that is in the configuration again,
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
			if err := r.expire(ctx, name, q, conversation); err != nil {
				r.Log.Warn("events of a removed endpoint stay for now", zap.String("endpoint", name), zap.Error(err))
				return
			}
		}
		if len(q.lanes) > 0 {
			continue
		}
		if err := r.Store.RemoveQueue(ctx, name); err != nil {
			r.Log.Warn("the empty queue of a removed endpoint stays for now", zap.String("endpoint", name), zap.Error(err))
			continue
		}
		r.mu.Lock()
		delete(r.queues, name)
		r.mu.Unlock()
	}
}

// cull gives up the events of a conversation that are too old.
func (r *Removed) expire(ctx context.Context, name string, q *removedQueue, conversation string) error {
	for {
		list, err := q.disk.Read(ctx, conversation, 0, usual.read)
		if err != nil {
			return err
		}
		for i := range list {
			if time.Since(list[i].Since) < r.MaxAge {
				return nil
			}
			if err := r.giveUp(ctx, name, &list[i].Record); err != nil {
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

func (r *Removed) giveUp(ctx context.Context, name string, rec *store.Record) error {
	dead := store.DeadLetter{Record: *rec, Endpoint: name, Reason: "the endpoint was removed from the configuration", Died: time.Now()}
	s, err := stanza.Parse(rec.Stanza, stanza.Limits{MaxBytes: len(rec.Stanza) + 1})
	if err != nil {
		return r.Store.PutDeadLetter(ctx, &dead) // damaged on disk: nobody to tell
	}
	dead.Type, dead.From, dead.To = s.EventType(), s.From.String(), s.To.String()
	if err := r.Store.PutDeadLetter(ctx, &dead); err != nil {
		return err
	}
	r.Log.Debug("an event is a dead letter", zap.String("endpoint", name), zap.String("component", rec.Component), zap.String("event", rec.ID), zap.String("stanza_id", s.ID), zap.String("conversation", rec.Conversation), zap.String("reason", dead.Reason))
	if !s.MayBounce() {
		return nil
	}
	reply, err := s.ErrorReply(&stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service did not take the message in time"}, stanza.Limits{})
	if err == nil {
		err = r.Sender.Send(rec.Component, reply, false, func(error) {})
	}
	if err != nil {
		r.repeats.Warn(r.Log, "the sender of an event that was given up was not told", zap.String("endpoint", name), zap.String("component", rec.Component), zap.String("event", rec.ID), zap.String("stanza_id", s.ID), zap.String("conversation", rec.Conversation), zap.Error(err))
	}
	return nil
}
