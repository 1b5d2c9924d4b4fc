package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// Replay puts an event into its queue again, under its id, and returns when it is
// stored; a dead letter is removed then.
//
// Killed in between: event and dead letter are both there, and a second replay delivers it
// twice under one id.
func (d *Deliveries) Replay(ctx context.Context, id string) error {
	dead, seq, err := d.store.DeadLetters().Get(ctx, id)
	if err == nil {
		return d.revive(ctx, &dead, seq)
	}
	if !errors.Is(err, gateway.ErrNotFound) {
		return err
	}
	logged, err := d.store.DeliveryLog().Get(ctx, id)
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		if _, waiting, err := d.find(ctx, id, ""); err != nil || waiting {
			return errors.Join(err, errInQueue)
		}
		return err
	case err != nil:
		return err
	case isWaiting(logged.State):
		return errInQueue
	case logged.Stanza == "":
		return fmt.Errorf("%w: the log does not have its stanza any more", gateway.ErrConflict)
	}
	r := store.Record{ID: logged.ID, Component: logged.Component, Received: logged.Received, Stanza: logged.Stanza}
	return d.enqueue(ctx, &r, logged)
}

var errInQueue = fmt.Errorf("%w: it is in the queue already", gateway.ErrConflict)

// revive replays the dead letter at a place and removes it. The event may die again
// before that; its new dead letter has another place.
func (d *Deliveries) revive(ctx context.Context, dead *store.DeadLetter, seq uint64) error {
	var err error
	if dead.Endpoint == "" {
		var s *stanza.Stanza
		if s, err = stanza.Parse(dead.Stanza, stanza.Limits{MaxBytes: len(dead.Stanza) + 1}); err == nil {
			err = d.resend(ctx, dead.Component, s)
		}
	} else {
		err = d.enqueue(ctx, &dead.Record, ofDead(dead))
	}
	if err != nil {
		return err
	}
	if err := d.store.DeadLetters().Remove(ctx, seq); err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return err
	}
	return nil
}

// enqueue puts an event into its endpoint's queue. It logs that first, or the log could
// have the next attempt before it.
func (d *Deliveries) enqueue(ctx context.Context, r *store.Record, was Delivery) error {
	w := d.worker(was.Endpoint)
	switch {
	case w == nil:
		return fmt.Errorf("%w: the endpoint %s is not in the configuration any more", gateway.ErrConflict, was.Endpoint)
	case !w.Endpoint().Queued:
		return fmt.Errorf("%w: the endpoint %s has no queue (delivery: direct)", gateway.ErrConflict, was.Endpoint)
	}
	again := *r
	again.Since = time.Now()
	d.log(r, was, deliverylog.Queued, "replayed by an operator")
	if err := w.Replay(ctx, again); err != nil {
		d.log(r, was, was.State, was.Reason)
		return err
	}
	return nil
}

// ReplayAll replays the dead letters of an endpoint that died since a time; zero:
// all. It returns how many, also with an error. The events go into the queue in the
// order in which they were received.
//
// Killed on the way: replayed events are in the queue, the others still dead letters.
func (d *Deliveries) ReplayAll(ctx context.Context, endpoint string, since time.Time) (int, error) {
	if d.worker(endpoint) == nil {
		return 0, gateway.ErrNotFound
	}
	f := deliverylog.Filter{Endpoint: endpoint}
	if !since.IsZero() {
		f.After = since.Add(-time.Millisecond)
	}
	ids, err := d.deadIDs(ctx, f)
	if err != nil {
		return 0, err
	}
	return d.replayEach(ctx, ids)
}
