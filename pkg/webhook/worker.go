package webhook

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// maxDirect bounds the events of one endpoint that are in memory only.
const maxDirect = 10_000

// busyDelay is how long a reply waits when too much waits for the server.
const busyDelay = 500 * time.Millisecond

// ErrBusy is what a Sender returns when the stanza may be sent later; every
// other error means that it can never be sent.
var ErrBusy = errors.New("too many stanzas wait for the XMPP server")

// ErrRejected is what a Sender gives to done when the server will never take
// the stanza.
var ErrRejected = errors.New("the XMPP server closed the stream over this stanza")

// Sender sends stanzas over the link of a component. done is called once, with
// nil when the server has taken the stanza, or with ErrRejected; an error of
// Send itself means that done is not called.
type Sender interface {
	Send(component string, s *stanza.Stanza, done func(error)) error
}

// Worker makes the attempts of one endpoint.
type Worker struct {
	e      *Endpoint
	client *http.Client
	sender Sender
	log    *zap.Logger
	slots  chan struct{} // attempts in flight
	lanes  lanes

	start    context.Context // ends when no attempt may begin any more
	stop     context.CancelFunc
	run      context.Context // ends when attempts in flight are broken off
	kill     context.CancelFunc
	troubled atomic.Bool

	Counters Counters
}

// Counters count what a worker did since the start of the process.
type Counters struct {
	Attempts, Delivered, Refused, Expired, Replies atomic.Int64
}

// NewWorker returns the worker of an endpoint.
func NewWorker(e *Endpoint, sender Sender, log *zap.Logger) *Worker {
	w := &Worker{e: e, client: newClient(e), sender: sender, log: log.With(zap.String("endpoint", e.Name)), slots: make(chan struct{}, e.Concurrency)}
	w.start, w.stop = context.WithCancel(context.Background())
	w.run, w.kill = context.WithCancel(context.Background())
	return w
}

// Endpoint returns what the worker delivers to.
func (w *Worker) Endpoint() *Endpoint { return w.e }

// Queued takes an event from the store; it stays there until it is answered.
//
// Killed at any point from here to the acknowledgement: the event is in the
// store and is delivered again after the restart, with the same id.
func (w *Worker) Queued(d *store.Delivery) {
	s, err := stanza.Parse(d.Stanza, stanza.Limits{MaxBytes: len(d.Stanza) + 1})
	if err != nil { // it was parsed before it was stored: the disk has changed it
		w.log.Error("an event in the store is damaged and cannot be delivered; it is removed", zap.String("event", d.ID), zap.Error(err))
		w.ack(d)
		return
	}
	ev := &Event{ID: d.ID, Component: d.Component, Received: d.Received, Stanza: s}
	w.lanes.add(w.run, d.Conversation, 0, func(ctx context.Context) { w.deliver(ctx, ev, d) })
}

// Direct makes one attempt for a message or presence that is in memory only.
// It reports false if too many are under way.
//
// Killed before the endpoint has answered: the stanza is lost, as with the
// modules whose formats are delivered so; "delivery: queued" does not lose it.
func (w *Worker) Direct(ev *Event) bool {
	s := ev.Stanza
	key := store.Conversation(s.From.Bare().String(), s.To.Bare().String())
	return w.lanes.add(w.run, key, maxDirect, func(ctx context.Context) {
		v, ok := w.attempt(ctx, ev)
		if !ok {
			v = stopping
		}
		w.conclude(ctx, ev, v, func() {})
	})
}

// stopping is the verdict on what is in memory only when the process ends.
var stopping = Verdict{Outcome: Refused, Reason: "stopping", Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.ServiceUnavailable, Text: "the service is stopping"}}

// Ask makes one attempt for an IQ get or set and hands over the verdict, whose
// replies are none or one. It reports false if too many are under way.
//
// Killed before the answer: the asker gets an error from its server, or times out.
func (w *Worker) Ask(ev *Event, answer func(Verdict)) bool {
	return w.lanes.add(w.run, "", maxDirect, func(ctx context.Context) {
		v, ok := w.attempt(ctx, ev)
		if !ok {
			v = stopping
		}
		answer(v)
	})
}

// deliver makes attempts for a queued event until it is judged, too old, or
// the worker stops.
func (w *Worker) deliver(ctx context.Context, ev *Event, d *store.Delivery) {
	for n := 0; ; n++ {
		v, ok := w.attempt(ctx, ev)
		if !ok {
			return // stopping: the event stays in the store
		}
		if v.Outcome != Again {
			w.conclude(ctx, ev, v, func() { w.ack(d) })
			return
		}
		wait := max(jitter(w.e.Schedule[min(n, len(w.e.Schedule)-1)]), v.After)
		left := w.e.MaxAge - time.Since(ev.Received)
		if left <= 0 {
			w.expire(ctx, ev, v, d)
			return
		}
		select {
		case <-time.After(min(wait, left)):
		case <-w.start.Done():
			return
		}
	}
}

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// attempt posts an event once. It reports false if the worker stopped before
// there was an answer.
func (w *Worker) attempt(ctx context.Context, ev *Event) (Verdict, bool) {
	if w.start.Err() != nil {
		return Verdict{}, false
	}
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-w.start.Done():
		return Verdict{}, false
	}
	w.Counters.Attempts.Add(1)
	began := time.Now()
	v := w.post(ctx, ev)
	if v.Outcome == Again && ctx.Err() != nil {
		return Verdict{}, false
	}
	w.note(ev, v, time.Since(began))
	return v, true
}

func (w *Worker) post(ctx context.Context, ev *Event) Verdict {
	encode, contentType := encodeEvent, "application/json"
	judge, network := judgeEvent, &stanza.Error{Type: stanza.Wait, Condition: stanza.RecipientUnavailable, Text: "the service cannot be reached"}
	if w.e.Format == FormatComponentHTTP {
		encode, judge, network = encodeComponentHTTP, judgeComponentHTTP, componentHTTPError(0)
	}
	body, err := encode(w.e, ev)
	if err != nil {
		return Verdict{Outcome: Refused, Reason: err.Error(), Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError}}
	}
	a, err := post(ctx, w.client, w.e, ev, contentType, body)
	switch {
	case errors.Is(err, errLongAnswer):
		return invalidReply(err)
	case err != nil:
		return Verdict{Outcome: Again, Err: network, Reason: err.Error()}
	}
	return judge(w.e, ev, a)
}

// note logs what an operator wants to know: that an endpoint began to fail, and
// that it works again; each attempt only at debug.
func (w *Worker) note(ev *Event, v Verdict, took time.Duration) {
	fields := []zap.Field{zap.String("event", ev.ID), zap.String("stanza_id", ev.Stanza.ID), zap.Duration("took", took), zap.String("reason", v.Reason)}
	switch {
	case v.Outcome == Again && !w.troubled.Swap(true):
		w.log.Warn("the endpoint does not take events", fields...)
	case v.Outcome == Done && w.troubled.Swap(false):
		w.log.Info("the endpoint takes events again", fields...)
	case v.Outcome == Refused:
		w.log.Info("the endpoint refused an event", fields...)
	default:
		w.log.Debug("attempt", fields...)
	}
}

// Stop lets no new attempt begin, waits for those in flight until ctx is done,
// and breaks them off then. Queued events that are not answered stay in the
// store.
func (w *Worker) Stop(ctx context.Context) {
	w.stop()
	breakOff := context.AfterFunc(ctx, w.kill)
	w.lanes.close()
	breakOff()
	w.kill()
	w.client.CloseIdleConnections()
}
