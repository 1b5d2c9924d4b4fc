package delivery

import (
	"context"
	"fmt"
	"strings"

	"stanzahook/pkg/gateway"
)

// Beginnings of the names of temporary endpoints, which no other endpoint may have: what
// waits for one goes to the endpoints that would have got it, and what waits for one with
// copies goes to nobody.
const (
	TemporaryName = "_listen-"
	TemporaryCopy = "_copy-"
)

// Sweep does at once what Run does from time to time.
func (r *Removed) Sweep(ctx context.Context) { r.sweep(ctx) }

// Move gives what waits for a temporary endpoint to the endpoints that would have got it.
// Its worker has stopped, and may still get events: those that it misses wait for Sweep.
func (r *Removed) Move(ctx context.Context, w *Worker) error {
	q := &removedQueue{disk: w.disk()}
	if strings.HasPrefix(w.name, TemporaryCopy) {
		return nil
	}
	if err := q.disk.Recount(ctx); err != nil {
		return err
	}
	q.counted()
	return r.rehome(ctx, w.name, q)
}

// rehome empties the queue of a temporary endpoint. What no endpoint gets waits on.
//
// Killed on the way: an event is in its queue until the other endpoint has stored it. It may
// be in both then, and is delivered twice under one id. The next process goes on.
func (r *Removed) rehome(ctx context.Context, name string, q *removedQueue) error {
	switch {
	case strings.HasPrefix(name, TemporaryCopy):
		clear(q.lanes)
		return nil
	case !strings.HasPrefix(name, TemporaryName), r.Route == nil:
		return nil
	}
	for conversation := range q.lanes {
		if err := r.rehomeLane(ctx, q, conversation); err != nil {
			return err
		}
	}
	return nil
}

func (r *Removed) rehomeLane(ctx context.Context, q *removedQueue, conversation string) error {
	for {
		list, err := q.disk.Read(ctx, conversation, 0, usual.read)
		if err != nil {
			return err
		}
		for i := range list {
			ev, err := readEvent(&list[i].Record)
			if err != nil {
				return nil // it expires
			}
			w := r.Route(ev.Component, ev.Stanza)
			switch {
			case w == nil:
				return nil
			case w.Endpoint().Queued:
				err = w.Replay(ctx, list[i].Record)
			case !w.Deliver(ev):
				err = fmt.Errorf("%w: too many direct deliveries", gateway.ErrBusy)
			}
			if err != nil {
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
