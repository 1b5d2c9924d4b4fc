package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// deliveryWorker is the part of a [Worker] that Deliveries needs.
type deliveryWorker interface {
	Endpoint() *webhook.Endpoint
	Replay(ctx context.Context, r store.Record) error
	InMemory(id string) *webhook.Event
	Behind(id string) (n int, known bool)
	HTTPRequest(ev *webhook.Event) (*http.Request, error)
	Pending(id string) (attempts []deliverylog.Attempt, next time.Time, inFlight, known bool)
	Drop(ctx context.Context, id string) error
}

// Resend sends the stanza of a dead letter of the outbox again.
type Resend func(ctx context.Context, component string, s *stanza.Stanza) error

// Deliveries shows operators the deliveries of all endpoints, and replays and drops them.
// Errors: gateway.ErrNotFound, gateway.ErrConflict,
// gateway.ErrFull, gateway.ErrCursor.
type Deliveries struct {
	store   *store.Store
	workers []deliveryWorker // in the order of the configuration
	resend  Resend
	watch   Watch
}

// NewDeliveries returns the deliveries of the workers' endpoints.
func NewDeliveries(s *store.Store, workers []*Worker, resend Resend) *Deliveries {
	d := &Deliveries{store: s, resend: resend}
	for _, w := range workers {
		d.workers = append(d.workers, w)
	}
	return d
}

// Watch reports the dead letters that operators remove from now on.
func (d *Deliveries) Watch(by Watch) { d.watch = by }

func (d *Deliveries) worker(endpoint string) deliveryWorker {
	for _, w := range d.workers {
		if w.Endpoint().Name == endpoint {
			return w
		}
	}
	return nil
}

// Get returns a delivery: from the queue if it waits, from the dead letters if it died,
// else from the log. It knows all that was reported to a [Watch]: the log is flushed
// before, and again if an event seems to have left the queue meanwhile.
func (d *Deliveries) Get(ctx context.Context, id string) (Delivery, error) {
	d.flush()
	v, err := d.get(ctx, id)
	if errors.Is(err, gateway.ErrNotFound) {
		d.flush()
		v, err = d.get(ctx, id)
	}
	return v, err
}

func (d *Deliveries) get(ctx context.Context, id string) (Delivery, error) {
	logged, err := d.store.DeliveryLog().Get(ctx, id)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return Delivery{}, err
	}
	known := err == nil
	if !known || isWaiting(logged.State) {
		found, ok, err := d.find(ctx, id, logged.Endpoint)
		if err != nil {
			return Delivery{}, err
		}
		if ok {
			return d.waiting(found, logged), nil
		}
	}
	if !known || logged.State == deliverylog.Dead || isWaiting(logged.State) {
		dead, _, err := d.store.DeadLetters().Get(ctx, id)
		switch {
		case err == nil:
			if len(logged.Attempts) > len(dead.Attempts) {
				dead.Attempts = logged.Attempts
			}
			return ofDead(&dead), nil
		case !known || !errors.Is(err, gateway.ErrNotFound):
			return Delivery{}, err
		}
	}
	return logged, nil
}

func isWaiting(s deliverylog.State) bool { return s == deliverylog.Queued || s == deliverylog.Retrying }

// Behind returns how many events of the same conversation wait behind an unfinished one of
// an endpoint, if that is known.
func (d *Deliveries) Behind(endpoint, id string) (n int, known bool) {
	w := d.worker(endpoint)
	if w == nil {
		return 0, false
	}
	return w.Behind(id)
}

// waiting adds to the delivery of a queued event what memory and log know of it.
func (d *Deliveries) waiting(v, logged Delivery) Delivery {
	attempts, next, _, known := d.worker(v.Endpoint).Pending(v.ID)
	tried := len(attempts) > 0 || logged.State == deliverylog.Retrying
	if len(attempts) < len(logged.Attempts) {
		attempts = logged.Attempts
	}
	v.Attempts, v.Next, v.Reason = attempts, next, logged.Reason
	if !known {
		v.Next = logged.Next
	}
	if tried {
		v.State = deliverylog.Retrying
		if n := len(attempts); n > 0 {
			v.Reason = attempts[n-1].Error
		}
	}
	return v
}

// find looks for an event in the queue of an endpoint, or in all.
func (d *Deliveries) find(ctx context.Context, id, endpoint string) (Delivery, bool, error) {
	for _, w := range d.workers {
		e := w.Endpoint()
		if !e.Queued || endpoint != "" && e.Name != endpoint {
			continue
		}
		q, err := d.store.Queues().Open(ctx, e.Name)
		if err != nil {
			return Delivery{}, false, err
		}
		r, ok, err := q.Find(ctx, id)
		if err != nil || ok {
			return ofQueue(e.Name, &r), ok, err
		}
		if ev := w.InMemory(id); ev != nil { // it is being stored
			s := ev.Stanza
			return Delivery{ID: id, Endpoint: e.Name, State: deliverylog.Queued, Type: webhook.TypeOf(s), From: s.From.String(), To: s.To.String(), Received: ev.Received, Stanza: s.XML()}, true, nil
		}
	}
	return Delivery{}, false, nil
}

// Drop removes a dead letter, or an event that waits and is not in flight.
func (d *Deliveries) Drop(ctx context.Context, id string) error {
	if err := d.dropDead(ctx, id); !errors.Is(err, gateway.ErrNotFound) {
		return err
	}
	for _, w := range d.workers {
		switch err := w.Drop(ctx, id); {
		case err == nil:
			return nil
		case errors.Is(err, errInFlight):
			return fmt.Errorf("%w: %w; try again when it has ended", gateway.ErrConflict, err)
		case !errors.Is(err, errUnknown):
			return err
		}
	}
	logged, err := d.store.DeliveryLog().Get(ctx, id)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: it does not wait; its state is %q", gateway.ErrConflict, logged.State)
}

// dropDead removes a dead letter. Errors: gateway.ErrNotFound.
func (d *Deliveries) dropDead(ctx context.Context, id string) error {
	dead, seq, err := d.store.DeadLetters().Get(ctx, id)
	if err != nil {
		return err
	}
	if err := d.store.DeadLetters().Remove(ctx, seq); err != nil {
		return err
	}
	const reason = "dead letter removed by an operator"
	d.log(&dead.Record, ofDead(&dead), deliverylog.Dropped, reason)
	if d.watch.OnChange != nil {
		d.watch.OnChange(Change{time.Now(), dead.ID, dead.Endpoint, dead.Type, dead.From, dead.To, deliverylog.Dropped, reason, newest(dead.Attempts), len(dead.Attempts)})
	}
	return nil
}

// log logs an operator's action, and flushes the log: the operator may ask for the
// delivery next.
func (d *Deliveries) log(r *store.Record, known Delivery, state deliverylog.State, reason string) {
	d.store.DeliveryLog().Add(&deliverylog.Entry{ID: r.ID, Endpoint: known.Endpoint, Component: r.Component, Type: known.Type, From: known.From, To: known.To,
		Received: r.Received, State: state, Reason: reason, Stanza: r.Stanza})
	d.flush()
}

// flush writes what the log has in memory, if that can be done now.
func (d *Deliveries) flush() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.store.DeliveryLog().Flush(ctx) // a failed flush is repeated later
}

// ofQueue returns the delivery of an event in a queue.
func ofQueue(endpoint string, r *store.Stored) Delivery {
	d := Delivery{ID: r.ID, Endpoint: endpoint, State: deliverylog.Queued, Received: r.Received, Stanza: r.Stanza}
	if s, err := stanza.Parse(r.Stanza, stanza.Limits{MaxBytes: len(r.Stanza) + 1}); err == nil {
		d.Type, d.From, d.To = webhook.TypeOf(s), s.From.String(), s.To.String()
	}
	return d
}

func ofDead(d *store.DeadLetter) Delivery {
	return Delivery{ID: d.ID, Endpoint: d.Endpoint, State: deliverylog.Dead, Type: d.Type, From: d.From, To: d.To, Received: d.Received,
		Reason: d.Reason, Attempts: d.Attempts, Stanza: d.Stanza}
}

// DeadLetters returns a page of dead letters and the cursor of the next.
func (d *Deliveries) DeadLetters(ctx context.Context, f Filter) ([]Delivery, string, error) {
	list, next, err := d.store.DeadLetters().List(ctx, f)
	if err != nil {
		return nil, "", err
	}
	var all []Delivery
	for i := range list {
		all = append(all, ofDead(&list[i]))
	}
	return slices.Clip(all), next, nil
}
