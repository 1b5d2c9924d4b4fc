package delivery

import (
	"context"
	"strings"
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
			stored := make(chan error, 1)
			n, err := passOn(list[i:i+1], r.Route, func(int) func(error) { return func(err error) { stored <- err } })
			if n == 0 {
				return err // without an error it expires
			}
			select {
			case err = <-stored:
			case <-ctx.Done():
				err = ctx.Err()
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
