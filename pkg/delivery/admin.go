package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Errors of Drop, for Deliveries.
var (
	errInFlight = errors.New("an attempt is under way")
	errUnknown  = errors.New("no such event waits")
)

// Status is the state of an endpoint.
type Status struct {
	Disabled    bool
	Reason      string    // of Disabled
	Open        bool      // the breaker: the endpoint is down, and probed
	Failing     bool      // the last attempt failed
	Senders     int       // whose attempts failed since the last success; breakAfter at most
	Since       time.Time // of Disabled, Open or Failing
	PausedUntil time.Time // as the endpoint asked
	Queued      int       // events that are not finished
	InMemory    int       // of these
	InFlight    int       // attempts
	Direct      int       // events that are in memory only, with IQs
	LastSuccess time.Time
	LastFailure Failure
}

// State returns the worst that holds in one word: disabled, open, failing or ok.
func (st *Status) State() string {
	switch {
	case st.Disabled:
		return "disabled"
	case st.Open:
		return "open"
	case st.Failing:
		return "failing"
	}
	return "ok"
}

// Status returns the state of the endpoint.
func (w *Worker) Status() Status {
	st := w.attempts.breaker.status(time.Now())
	st.InFlight = w.current.Load().slots.used()
	st.Direct = w.direct.runner.len()
	if w.queue != nil {
		st.Queued, st.InMemory = w.queue.len()
	}
	if w.pull != nil {
		st.Queued = w.pull.len()
	}
	return st
}

// Stored returns how much the store has of the endpoint's queue, in bytes, and
// when the oldest of it was stored; zero if it has nothing.
func (w *Worker) Stored(ctx context.Context) (bytes uint64, oldest time.Time, err error) {
	if disk := w.disk(); disk != nil {
		return disk.Load(ctx)
	}
	return 0, time.Time{}, nil
}

// Trial is the result of a test of an endpoint.
type Trial struct {
	deliverylog.Attempt                  // with the answer also if it was a success
	Replies             []*stanza.Stanza // that would be sent
}

// errPulled means that an endpoint without a URL cannot be tested.
var errPulled = errors.New("the endpoint has no url: its events are pulled, and there is nobody to send a test to")

// Test makes one attempt with a made-up event, even if the endpoint is disabled. The
// replies are not sent, and the state of the endpoint does not change. The error is
// the format's judgement of the answer, or that there was none.
func (w *Worker) Test(ctx context.Context, component, id string, like webhook.Like) (Trial, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.run, cancel)()
	began := time.Now()
	if w.Endpoint().Pulled() {
		return Trial{}, errPulled
	}
	ev, err := webhook.TestEvent(component, id, began, like)
	if err != nil {
		return Trial{}, err
	}
	v := w.current.Load().client.Post(ctx, ev)
	t := Trial{Attempt: *attemptOf(&v, began, time.Now()), Replies: v.Replies}
	t.Answer = string(v.Body[:min(len(v.Body), keptAnswer)])
	if v.Outcome == webhook.Done {
		return t, nil
	}
	t.Error = v.Reason
	return t, errors.New(v.Reason)
}

// HTTPRequest returns the request that would be made for an event now. It fails for an
// endpoint without a URL.
func (w *Worker) HTTPRequest(ev *webhook.Event) (*http.Request, error) {
	if w.Endpoint().Pulled() {
		return nil, errors.New("the endpoint has no url: its events are pulled")
	}
	return w.current.Load().client.Request(ev)
}

// Replay puts an event into the queue again, under its id, behind the waiting events of
// its conversation. Its age counts anew. Replay returns when the event is stored.
func (w *Worker) Replay(ctx context.Context, r store.Record) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("replay %s: %w", r.ID, err)
		}
	}()
	if w.disk() == nil {
		return fmt.Errorf("%s: %w", w.name, errNoQueue)
	}
	ev, err := readEvent(&r)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	if err := w.enqueue(ev, time.Now(), func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pending returns what memory knows of a queued event: its failed attempts,
// when the next is due, and whether one is under way. Only the first event of
// a conversation has attempts.
func (w *Worker) Pending(id string) (attempts []deliverylog.Attempt, next time.Time, inFlight, known bool) {
	if w.queue == nil {
		return nil, time.Time{}, false, false
	}
	return w.queue.pending(id)
}

// InMemory returns an unfinished event that is in memory, and is perhaps not stored yet;
// nil if there is none.
func (w *Worker) InMemory(id string) *webhook.Event {
	if w.queue == nil {
		return nil
	}
	return w.queue.inMemory(id)
}

// Behind returns how many events of the same conversation wait behind an unfinished one;
// known is false if it is not in memory, or not there.
func (w *Worker) Behind(id string) (n int, known bool) {
	if w.queue == nil {
		return 0, false
	}
	return w.queue.behind(id)
}

// Drop removes an unfinished event from the queue.
func (w *Worker) Drop(ctx context.Context, id string) error {
	switch {
	case w.pull != nil:
		return w.pull.drop(ctx, id)
	case w.queue != nil:
		return w.queue.drop(ctx, id)
	}
	return errUnknown
}
