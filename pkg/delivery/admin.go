package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Errors of Drop.
var (
	ErrInFlight = errors.New("an attempt is under way")
	ErrUnknown  = errors.New("no such event waits")
)

// Status is how an endpoint is.
type Status struct {
	Disabled    bool
	Reason      string    // of Disabled
	Open        bool      // the breaker: the endpoint is down, and probed
	Failing     bool      // the last attempt failed
	Senders     int       // whose attempts failed since the last success; breakAfter at most
	Since       time.Time // of Disabled, Open or Failing
	PausedUntil time.Time // as the endpoint asked
	Queued      int       // events that are not answered
	InMemory    int       // of these
	InFlight    int       // attempts
	Direct      int       // events that are in memory only, with IQs
	LastSuccess time.Time
	LastFailure Failure
}

// State is the state of the endpoint in a word: disabled, open, failing or ok. The
// worst holds.
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

// Status returns how the endpoint is.
func (w *Worker) Status() Status {
	st := w.breaker.status(time.Now())
	st.InFlight = w.current.Load().slots.used()
	w.runner.mu.Lock()
	st.Direct = w.runner.jobs
	w.runner.mu.Unlock()
	if w.queue != nil {
		w.queue.mu.Lock()
		st.Queued, st.InMemory = w.queue.count, w.queue.held
		w.queue.mu.Unlock()
	}
	if w.pull != nil {
		st.Queued = w.pull.Waiting()
	}
	return st
}

// Stored returns how much the store has of the endpoint's queue, in bytes, and
// when the oldest of it was stored; zero if it has nothing.
func (w *Worker) Stored(ctx context.Context) (bytes uint64, oldest time.Time, err error) {
	switch {
	case w.queue != nil:
		return w.queue.disk.Load(ctx)
	case w.pull != nil:
		return w.pull.disk.Load(ctx)
	}
	return 0, time.Time{}, nil
}

// Trial is what a test of an endpoint gave.
type Trial struct {
	deliverylog.Attempt                  // with the answer also if it was a success
	Replies             []*stanza.Stanza // that would be sent
}

// Test makes one attempt with an event that is made up. Its answer is judged
// but sent to nobody, and it changes nothing of the endpoint's state; it is
// made even if the endpoint is disabled. The error is the format's judgement
// of the answer, or that there was none.
func (w *Worker) Test(ctx context.Context, component, id string) (Trial, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(w.run, cancel)()
	began := time.Now()
	if w.Endpoint().Pulled() {
		return Trial{}, errPulled
	}
	ev, err := webhook.TestEvent(component, id, began)
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

// Replay puts an event into the queue again, under its id, behind what its
// conversation has waiting. Its age counts anew. It returns when the event is
// stored.
func (w *Worker) Replay(ctx context.Context, r store.Record) error {
	if w.queue == nil && w.pull == nil {
		return fmt.Errorf("replay %s: %s: %w", r.ID, w.name, errNoQueue)
	}
	ev, err := readEvent(&r)
	if err != nil {
		return fmt.Errorf("replay %s: %w", r.ID, err)
	}
	done := make(chan error, 1)
	if err := w.enqueue(ev, time.Now(), func(err error) { done <- err }); err != nil {
		return fmt.Errorf("replay %s: %w", r.ID, err)
	}
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("replay %s: %w", r.ID, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("replay %s: %w", r.ID, ctx.Err())
	}
}

// Pending returns what memory knows of a queued event: its failed attempts,
// when the next is due, and whether one is under way. Only the first event of
// a conversation has attempts.
func (w *Worker) Pending(id string) (attempts []deliverylog.Attempt, next time.Time, inFlight, known bool) {
	if w.queue == nil {
		return nil, time.Time{}, false, false
	}
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lanes {
		for i, it := range l.mem {
			if it.ID != id {
				continue
			}
			if i == 0 {
				attempts, inFlight = append(attempts, l.history...), l.state == busy
				if l.state == waiting {
					next = l.until
				}
			}
			return attempts, next, inFlight, true
		}
	}
	return nil, time.Time{}, false, false
}

// Drop removes an event from the queue, unanswered.
//
// Errors: ErrInFlight, ErrUnknown.
func (w *Worker) Drop(ctx context.Context, id string) error {
	if w.pull != nil {
		return w.pull.drop(ctx, id)
	}
	if w.queue == nil {
		return ErrUnknown
	}
	q := w.queue
	r, ok, err := q.disk.Find(ctx, id)
	if err != nil {
		return err
	}
	if !ok {
		return ErrUnknown
	}
	q.mu.Lock()
	l := q.lanes[r.Conversation]
	switch {
	case l == nil:
		q.mu.Unlock()
		return ErrUnknown
	case l.state == busy && (len(l.mem) == 0 || l.mem[0].seq == r.Seq):
		q.mu.Unlock()
		return ErrInFlight
	}
	if !q.forget(l, r.Seq) {
		q.mu.Unlock()
		return ErrUnknown
	}
	q.place(l)
	q.mu.Unlock()
	if err := q.disk.Drop(ctx, r.Seq); err != nil {
		return err
	}
	if ev, err := readEvent(&r.Record); err == nil {
		w.logDelivery(ev, deliverylog.Dropped, "by an operator", nil)
	}
	return nil
}

// forget takes an event out of a lane, wherever it is; q.mu is held.
func (q *queue) forget(l *lane, seq uint64) bool {
	for i, it := range l.mem {
		if it.seq != seq {
			continue
		}
		if i == 0 {
			l.renew()
			if l.state == waiting {
				q.waits.remove(l)
				l.state = idle
			}
		}
		return q.withdraw(l, it)
	}
	for _, it := range l.trail {
		if it.seq == seq {
			return false // answered
		}
	}
	if seq <= l.last || l.tail == 0 {
		return false
	}
	l.tail--
	q.count--
	return true
}
