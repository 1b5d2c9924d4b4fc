package delivery

import (
	"context"
	"errors"

	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// ErrRestart means that a change of an endpoint takes a new process: its queue
// would have to be given to somebody else while stanzas come.
var ErrRestart = errors.New("an endpoint's delivery, and whether it has a url, change with a restart only (or with another name)")

// CanReconfigure returns why an endpoint cannot become another while it works:
// ErrRestart, or what NewWorker would say of it.
func (w *Worker) CanReconfigure(e *webhook.Endpoint) error {
	if now := w.Endpoint(); e.Queued != now.Queued || e.Pulled() != now.Pulled() {
		return ErrRestart
	}
	s, err := newSetup(e)
	if err == nil {
		s.close()
	}
	return err
}

// Reconfigure makes the endpoint another of the same name. Attempts under way end as
// they began, and their failures do not count; all that begin from now on are of
// the new one, and what waits begins at once. Its events, their
// order, and whether it is disabled stay. Errors: those of
// CanReconfigure and NewWorker.
func (w *Worker) Reconfigure(e *webhook.Endpoint) error {
	if err := w.CanReconfigure(e); err != nil {
		return err
	}
	fresh, err := newSetup(e)
	if err != nil {
		return err
	}
	old := w.current.Swap(fresh)
	w.breaker.renew()
	if old.client != nil {
		old.client.Retire()
	}
	w.negotiate(fresh)
	if w.queue != nil { // what waits may have been waiting for this
		w.queue.resume()
	}
	return nil
}

// Remove ends the worker of an endpoint that is not in the configuration any
// more, and returns its queue for who takes it over; nil if it had none. No event
// may be given to the worker any more. It waits for attempts under way until ctx
// is done, as Stop does, and for what is being stored.
//
// Killed at any point: the events are in the store, and wait there for the
// endpoint to come back, or to get too old.
func (w *Worker) Remove(ctx context.Context) (*store.Queue, error) {
	w.Stop(ctx)
	var disk *store.Queue
	switch {
	case w.queue != nil:
		disk = w.queue.disk
	case w.pull != nil:
		disk = w.pull.disk
	default:
		return nil, nil
	}
	return disk, disk.Recount(context.WithoutCancel(ctx))
}
