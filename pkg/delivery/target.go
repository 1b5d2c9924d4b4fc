package delivery

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/tracing"
	"stanzahook/pkg/webhook"
)

// target is an endpoint as every path of delivery sees it: its current setup, and the
// store, logs and counters of its events.
type target struct {
	name    string
	current atomic.Pointer[setup]
	store   *store.Store // nil before Open: no delivery log, no dead letters
	watch   Watch
	gate    func(done <-chan struct{}) bool // nil: none
	tracer  *tracing.Tracer                 // nil: no spans
	states  states
	log     *zap.Logger
	repeats loglimit.Limiter // messages that a sender can cause at will

	stopping context.Context // done when no attempt may begin any more
	stop     context.CancelFunc
	run      context.Context // done when attempts in flight are aborted
	abort    context.CancelFunc

	Counters Counters
}

// setup is a configuration of an endpoint and what is made of it.
type setup struct {
	e      *webhook.Endpoint
	client *webhook.Client // nil for an endpoint without a URL
	slots  *slots
	logged atomic.Uint32 // notes that are in the log
}

func newSetup(e *webhook.Endpoint) (*setup, error) {
	s := &setup{e: e.WithDefaults()}
	s.slots = newSlots(s.e.Concurrency)
	if e.Pulled() && !e.Queued {
		return nil, fmt.Errorf("endpoint %s: without a URL its events are pulled from a queue: set Queued", e.Name)
	}
	if e.Pulled() {
		return s, nil
	}
	var err error
	s.client, err = webhook.NewClient(s.e)
	return s, err
}

// close aborts requests in flight.
func (s *setup) close() {
	if s.client != nil {
		s.client.Close()
	}
}

func newTarget(s *setup, log *zap.Logger) *target {
	t := &target{name: s.e.Name, log: log.With(zap.String("endpoint", s.e.Name))}
	t.current.Store(s)
	t.stopping, t.stop = context.WithCancel(context.Background())
	t.run, t.abort = context.WithCancel(context.Background())
	return t
}

// Endpoint returns the current configuration.
func (t *target) Endpoint() *webhook.Endpoint { return t.current.Load().e }

// tracing reports whether each step of an event is logged. Callers ask before they make
// the fields, so that a step costs nothing at other levels.
func (t *target) tracing() bool { return t.log.Core().Enabled(zapcore.DebugLevel) }

// trace logs a step of an event.
func (t *target) trace(step string, ev *webhook.Event, more ...zap.Field) {
	t.log.Debug(step, about(ev, more...)...)
}

// about returns the fields that identify an event in the log, and others. The
// conversation stands for the two addresses, which are not logged.
func about(ev *webhook.Event, more ...zap.Field) []zap.Field {
	return append([]zap.Field{
		zap.String("component", ev.Component), zap.String("event", ev.ID),
		zap.String("stanza_id", ev.Stanza.ID), zap.String("conversation", conversationOf(ev)),
	}, more...)
}

// logDelivery adds an entry to the delivery log.
func (t *target) logDelivery(ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt) {
	if t.store == nil || ev.Test {
		return
	}
	s := ev.Stanza
	e := deliverylog.Entry{ID: ev.ID, Endpoint: t.name, Component: ev.Component, Type: ev.TypeName(), From: s.From.String(), To: s.To.String(), Received: ev.Received, State: state, Reason: reason, Attempt: at}
	if state != deliverylog.Retrying {
		e.Stanza = s.XML()
	}
	t.store.DeliveryLog().Add(&e)
}

// putDeadLetter makes a dead letter of an event, and returns when it is on disk. Only
// then the event may leave its queue, and its sender may get an error.
func (t *target) putDeadLetter(ctx context.Context, ev *webhook.Event, since time.Time, reason string, attempts []deliverylog.Attempt) error {
	s := ev.Stanza
	err := t.store.DeadLetters().Put(ctx, &store.DeadLetter{
		Record: recordOf(ev, senderOf(t.Endpoint(), s.From), since), Endpoint: t.name, Type: ev.TypeName(), From: s.From.String(), To: s.To.String(),
		Reason: reason, Died: time.Now(), Attempts: attempts,
	})
	if err != nil {
		return err
	}
	t.Counters.Dead.Add(1)
	if t.tracing() {
		t.trace("dead letter stored", ev, zap.String("reason", reason))
	}
	return nil
}

// dead reports whether a verdict makes a dead letter of a queued event: no request
// can be made of it, or the endpoint has refused the message itself. In the formats
// of the modules such an answer is the bot's, and the sender gets it.
func (t *target) dead(v *webhook.Verdict) bool {
	e := t.Endpoint()
	return e.Queued && v.Outcome == webhook.Refused && (v.Unsent || e.Format == webhook.FormatEvent && v.Status >= 400)
}
