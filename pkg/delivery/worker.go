package delivery

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// busyDelay is how long a reply waits when too much waits for the server.
const busyDelay = 500 * time.Millisecond

// Sender sends stanzas over the link of a component. more says that others will
// follow soon, for which this one may wait a moment. Send calls done once: with nil
// when the server has taken the stanza, or with [gateway.ErrRejected]. When Send returns
// an error, it does not call done: after [gateway.ErrBusy] the stanza may be sent later,
// after any other error never.
type Sender interface {
	Send(component string, s *stanza.Stanza, more bool, done func(error)) error
}

// Worker makes the attempts of one endpoint.
type Worker struct {
	name    string
	current atomic.Pointer[setup]
	sender  Sender
	store   *store.Store // nil before Open: nothing is logged or buried
	log     *zap.Logger
	repeats loglimit.Limiter // of what a sender can make happen at will
	runner  keyedRunner      // of what is in memory only
	queue   *queue           // of what is in the store; nil for direct delivery
	pull    *Puller          // in its place, for an endpoint without a URL
	breaker breaker

	start context.Context // ends when no attempt may begin any more
	stop  context.CancelFunc
	run   context.Context // ends when attempts in flight are broken off
	kill  context.CancelFunc

	Counters Counters
}

// setup is what an endpoint is at the moment, and what follows from that.
type setup struct {
	e      *webhook.Endpoint
	client *webhook.Client
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

// close breaks off what is under way.
func (s *setup) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// negotiates reports whether the endpoint says itself which format it wants.
func (s *setup) negotiates() bool {
	return s.e.Format == webhook.FormatRestJSON || s.e.Format == webhook.FormatRestXML
}

// NewWorker returns the worker of an endpoint, whose replies go over a sender; without a
// log it says nothing. It makes direct attempts and answers IQs; Open gives it a queue.
// It fails if nothing can be sent to the endpoint.
func NewWorker(e *webhook.Endpoint, sender Sender, log *zap.Logger) (*Worker, error) {
	if sender == nil {
		return nil, fmt.Errorf("endpoint %s: replies need a Sender", e.Name)
	}
	if log == nil {
		log = zap.NewNop()
	}
	s, err := newSetup(e)
	if err != nil {
		return nil, err
	}
	w := &Worker{name: e.Name, sender: sender, log: log.With(zap.String("endpoint", e.Name))}
	w.current.Store(s)
	w.start, w.stop = context.WithCancel(context.Background())
	w.run, w.kill = context.WithCancel(context.Background())
	return w, nil
}

// Open opens the endpoint's queue, goes on with what the process before left
// in it, and begins to keep the delivery log. It is called once, before events
// are given to the worker.
func (w *Worker) Open(ctx context.Context, s *store.Store) error {
	state, err := s.EndpointState(ctx, w.name)
	if err != nil {
		return err
	}
	w.store = s
	w.negotiate(w.current.Load())
	if state.Disabled {
		w.breaker.disable(state.Reason, state.Since)
		w.log.Warn("the endpoint is disabled; its events wait", zap.String("reason", state.Reason), zap.Time("since", state.Since))
	}
	if !w.Endpoint().Queued {
		return nil
	}
	sq, err := s.Queue(ctx, w.name)
	if err != nil {
		return err
	}
	if w.Endpoint().Pulled() {
		w.pull, err = openPuller(ctx, w, sq)
		return err
	}
	w.queue = newQueue(w, sq)
	w.queue.begin(sq.Backlog())
	return nil
}

// Endpoint returns what the worker delivers to.
func (w *Worker) Endpoint() *webhook.Endpoint { return w.current.Load().e }

// Enqueue takes a message or presence for durable delivery. It does not wait:
// the event is stored while it is delivered. It reports false if it cannot be
// taken now, and the sender gets an error; if the store refuses the event
// later, the worker tells the sender.
func (w *Worker) Enqueue(ev *webhook.Event) bool {
	w.Endpoint().Admit(ev)
	if looped, ok := w.loops(ev); looped {
		return ok
	}
	if w.enqueue(ev, ev.Received, nil) != nil {
		w.Counters.Overflow.Add(1)
		return false
	}
	return true
}

// enqueue puts an event into the endpoint's queue, of whichever kind.
func (w *Worker) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	if w.tracing() {
		w.trace("an event is taken", ev, zap.Bool("queued", true))
	}
	switch {
	case w.pull != nil:
		return w.pull.enqueue(ev, since, onStored)
	case w.queue != nil:
		return w.queue.enqueue(ev, since, onStored)
	}
	w.repeats.Error(w.log, "event refused: the endpoint has no queue", about(ev, zap.String("hint", "set Queued, and call Open before Enqueue"))...)
	return errNoQueue
}

// errNoQueue is why an event cannot be stored for an endpoint.
var errNoQueue = errors.New("the endpoint has no queue (delivery: direct)")

// unstored tells the sender of an event that the store has not taken it.
func (w *Worker) unstored(it *item, err error, refused bool) {
	w.Counters.Overflow.Add(1)
	if !refused || it.onStored != nil {
		return
	}
	e := overloaded
	if !errors.Is(err, gateway.ErrFull) {
		w.repeats.Error(w.log, "an event could not be stored; its sender gets an error", about(it.Event, zap.Error(err))...)
		e = &stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the service could not store the message; try again later"}
	}
	w.bounceNow(it.Event, e)
}

// overloaded answers what cannot be taken now (RFC 6120 section 8.3.3.18).
var overloaded = &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "the service has too much waiting; try again later"}

// Pull returns what has the events of an endpoint without a URL; nil for one
// with a URL, and before Open.
func (w *Worker) Pull() *Puller { return w.pull }

// Stop lets no new attempt begin, waits for those in flight until ctx is done,
// and breaks them off then. Queued events that are not answered stay in the
// store.
func (w *Worker) Stop(ctx context.Context) {
	w.stop()
	breakOff := context.AfterFunc(ctx, func() {
		w.kill()
		w.current.Load().close()
	})
	if w.queue != nil {
		w.queue.close()
	}
	if w.pull != nil {
		w.pull.close()
	}
	w.runner.close()
	breakOff()
	w.kill()
	w.current.Load().close()
}

// Enable lets a disabled endpoint have its events again, over restarts too.
func (w *Worker) Enable(ctx context.Context) error {
	if err := w.store.PutEndpointState(ctx, w.name, store.EndpointState{}); err != nil {
		return fmt.Errorf("enable endpoint %s: %w", w.name, err)
	}
	w.breaker.enable()
	w.log.Info("the endpoint is enabled")
	if w.queue != nil {
		w.queue.resume()
	}
	return nil
}

// Disable makes no more attempts, over restarts too, until Enable. Queued
// events wait, in their order; direct ones are refused.
func (w *Worker) Disable(ctx context.Context, reason string) error {
	now := time.Now()
	w.breaker.disable(reason, now)
	if w.pull != nil {
		w.pull.Interrupt()
	}
	w.log.Error("the endpoint is disabled; its events wait until it is enabled", zap.String("reason", reason))
	if w.store == nil {
		return nil
	}
	if err := w.store.PutEndpointState(ctx, w.name, store.EndpointState{Disabled: true, Reason: reason, Since: now}); err != nil {
		return fmt.Errorf("disable endpoint %s, which will be enabled after a restart: %w", w.name, err)
	}
	return nil
}

// negotiate asks an endpoint in one of mod_rest's formats which of them it wants, until
// it has answered once. Until then it gets the configured one.
func (w *Worker) negotiate(now *setup) {
	if w.store == nil || !now.negotiates() || w.start.Err() != nil {
		return
	}
	w.runner.wg.Go(func() {
		for n := 0; w.current.Load() == now; n++ {
			f, err := now.client.Negotiate(w.start)
			if err == nil {
				if f != now.e.Format {
					w.log.Info("the endpoint asked for another format than the configured one", zap.String("format", string(f)))
				}
				return
			}
			if n == 0 {
				w.log.Info("the endpoint cannot be asked which format it wants; it gets the configured one until then", zap.Error(err))
			}
			select {
			case <-time.After(min(time.Second<<min(n, 6), time.Minute)):
			case <-w.start.Done():
				return
			}
		}
	})
}
