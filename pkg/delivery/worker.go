package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// Worker delivers to one endpoint.
type Worker struct {
	*responder
	attempts *attempter
	direct   direct
	own      Goroutines // unless Share has given others
	queue    *queue     // nil for direct delivery
	pull     *Puller    // in its place, for an endpoint without a URL
}

// NewWorker returns the worker of an endpoint, whose replies go over a sender; without a
// log it logs nothing. It delivers directly; Open gives it a queue. It fails if nothing
// can be sent to the endpoint.
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
	w := &Worker{responder: &responder{newTarget(s, log), sender}}
	w.attempts = newAttempter(w.target)
	w.attempts.sender = sender
	w.attempts.showWriting(s)
	w.direct.responder, w.direct.attempts = w.responder, w.attempts
	w.direct.runner.goroutines = &w.own
	return w, nil
}

// Watch reports what happens from now on. It is called before Open.
func (w *Worker) Watch(by Watch) { w.watch = by }

// Share lets the worker use goroutines that other workers use, too. It is called before Open.
func (w *Worker) Share(g *Goroutines) { w.direct.runner.goroutines = g }

// Open opens the endpoint's queue, continues with the backlog of the previous process,
// and begins to keep the delivery log. It is called once, before Enqueue.
func (w *Worker) Open(ctx context.Context, s *store.Store) error {
	state, err := s.Endpoints().Get(ctx, w.name)
	if err != nil {
		return err
	}
	w.store = s
	w.attempts.negotiate(w.current.Load())
	if state.Disabled {
		w.attempts.breaker.disable(state.Reason, state.Since)
		w.log.Warn("endpoint disabled", zap.String("reason", state.Reason), zap.Time("since", state.Since), zap.String("hint", enableHint))
	}
	if !w.Endpoint().Queued {
		return nil
	}
	disk, err := s.Queues().Open(ctx, w.name)
	if err != nil {
		return err
	}
	if w.Endpoint().Pulled() {
		w.pull, err = openPuller(ctx, w.responder, &w.attempts.breaker, disk)
		return err
	}
	disk.Push()
	w.queue = newQueue(w.responder, w.attempts, disk)
	w.queue.restore(disk.Backlog())
	return nil
}

// Enqueue puts a message or presence into the durable queue. It does not wait:
// the event is stored while it is delivered. It reports false if there is no room, and
// the caller returns an error to the sender; if the store refuses the event
// later, the worker does.
func (w *Worker) Enqueue(ev *webhook.Event) bool { return w.EnqueueStored(ev, nil) }

// EnqueueStored is Enqueue, and calls onStored, unless it is nil or the result is false,
// once: with nil when the store has the event, or does not need it any more as the endpoint
// has answered; with an error when the store has refused it, and it is nowhere any more. Then
// its sender is told nothing. onStored must not wait.
func (w *Worker) EnqueueStored(ev *webhook.Event, onStored func(error)) bool {
	w.Counters.Received.Add(1)
	w.Endpoint().Admit(ev)
	w.beginSpan(ev, ev.Received)
	if looped, ok := w.direct.refuseLoop(ev); looped {
		if ok && onStored != nil {
			onStored(nil)
		}
		return ok
	}
	if w.enqueue(ev, ev.Received, onStored) != nil {
		w.Counters.Overflow.Add(1)
		return false
	}
	return true
}

// enqueue puts an event into the endpoint's queue, of whichever kind.
func (w *Worker) enqueue(ev *webhook.Event, since time.Time, onStored func(error)) error {
	w.beginSpan(ev, since)
	err := w.put(ev, since, onStored)
	if err != nil {
		endSpan(ev, endRefused, noRoom)
	}
	return err
}

func (w *Worker) put(ev *webhook.Event, since time.Time, onStored func(error)) error {
	if w.tracing() {
		w.trace("event accepted", ev, zap.Bool("queued", true))
	}
	switch {
	case w.pull != nil:
		return w.pull.enqueue(ev, since, onStored)
	case w.queue != nil:
		err := w.queue.enqueue(ev, since, onStored)
		if errors.Is(err, errHandedOver) {
			err = w.queue.pass(ev, since, onStored)
		}
		return err
	}
	w.repeats.Error(w.log, "event refused: the endpoint has no queue", about(ev, zap.String("hint", "set Queued, and call Open before Enqueue"))...)
	return errNoQueue
}

// errNoQueue means that an event cannot be stored for an endpoint.
var errNoQueue = errors.New("the endpoint has no queue (delivery: direct)")

// Deliver makes one attempt for a message or presence that is in memory only.
// It reports false if too many are under way.
//
// Killed before the endpoint has answered: the stanza is lost, as with the modules whose
// formats are delivered directly; a queue does not lose it.
func (w *Worker) Deliver(ev *webhook.Event) bool {
	w.Counters.Received.Add(1)
	w.Endpoint().Admit(ev)
	w.beginSpan(ev, ev.Received)
	return w.direct.deliver(ev)
}

// Request makes one attempt for an IQ get or set and passes on the verdict, which has at
// most one reply. It reports false if too many are under way.
//
// Killed before the answer: the asker gets an error from its server, or times out.
func (w *Worker) Request(ev *webhook.Event, answer func(webhook.Verdict)) bool {
	w.Counters.Received.Add(1)
	w.Endpoint().Admit(ev)
	w.beginSpan(ev, ev.Received)
	return w.direct.request(ev, answer)
}

// Pull returns the reader's side of an endpoint without a URL; nil for an endpoint
// with a URL, and before Open.
func (w *Worker) Pull() *Puller { return w.pull }

// Stop lets no new attempt begin, waits for those in flight until ctx is done,
// and then aborts them. Unfinished events of a queue stay in the store.
func (w *Worker) Stop(ctx context.Context) {
	w.stop()
	abort := func() {
		w.abort()
		w.current.Load().close()
	}
	cancel := context.AfterFunc(ctx, abort)
	if w.queue != nil {
		w.queue.close()
	}
	if w.pull != nil {
		w.pull.close()
	}
	w.direct.runner.close()
	w.own.Close()
	w.attempts.negotiation.Wait()
	cancel()
	abort()
}

// Enable ends Disable, over restarts too.
func (w *Worker) Enable(ctx context.Context) error {
	if err := w.store.Endpoints().Put(ctx, w.name, store.EndpointState{}); err != nil {
		return fmt.Errorf("enable endpoint %s: %w", w.name, err)
	}
	w.attempts.breaker.enable()
	w.log.Info("endpoint enabled")
	w.tellState("ok", "")
	if w.queue != nil {
		w.queue.resume()
	}
	return nil
}

// Disable lets no attempt begin, over restarts too, until Enable. Queued
// events wait, in their order; direct ones are refused.
func (w *Worker) Disable(ctx context.Context, reason string) error {
	err := w.attempts.disable(ctx, reason)
	if w.pull != nil {
		w.pull.interrupt()
	}
	return err
}

// errRestart means that only a restart can change an endpoint so: its queue would move
// while stanzas come.
var errRestart = errors.New("an endpoint's delivery, and whether it has a url, change with a restart only (or with another name)")

// CanReconfigure returns why Reconfigure would fail: the change needs a restart, or an
// error of NewWorker.
func (w *Worker) CanReconfigure(e *webhook.Endpoint) error {
	if now := w.Endpoint(); e.Queued != now.Queued || e.Pulled() != now.Pulled() {
		return errRestart
	}
	s, err := newSetup(e)
	if err == nil {
		s.close()
	}
	return err
}

// Reconfigure gives the endpoint another configuration with the same name. Attempts in
// flight end under the old one, and their failures do not count. Waiting events are tried
// at once. The queue, its order, and whether the endpoint is disabled stay. Errors: those
// of CanReconfigure.
func (w *Worker) Reconfigure(e *webhook.Endpoint) error {
	if err := w.CanReconfigure(e); err != nil {
		return err
	}
	fresh, err := newSetup(e)
	if err != nil {
		return err
	}
	w.attempts.showWriting(fresh)
	old := w.current.Swap(fresh)
	before := w.attempts.breaker.status(time.Now())
	w.attempts.breaker.renew()
	if after := w.attempts.breaker.status(time.Now()); after.State() != before.State() {
		w.tellState(after.State(), after.Reason)
	}
	if old.client != nil {
		old.client.Retire()
	}
	w.attempts.negotiate(fresh)
	if w.queue != nil {
		w.queue.resume()
	}
	return nil
}

// Remove stops the worker of an endpoint that is not in the configuration any
// more, as Stop does, and returns its queue with all that is stored, also if that could
// not be counted; nil if it had none.
//
// Killed at any point: the events are in the store, and wait there for the
// endpoint to come back, or expire.
func (w *Worker) Remove(ctx context.Context) (*store.Queue, error) {
	w.Stop(ctx)
	disk := w.disk()
	if disk == nil {
		return nil, nil
	}
	return disk, disk.Recount(context.WithoutCancel(ctx))
}

// disk returns the endpoint's queue in the store; nil if it has none.
func (w *Worker) disk() *store.Queue {
	switch {
	case w.queue != nil:
		return w.queue.disk
	case w.pull != nil:
		return w.pull.disk
	}
	return nil
}
