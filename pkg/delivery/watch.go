package delivery

import (
	"slices"
	"sync"
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Change is a change of state of a delivery: queued, each attempt, given up, dropped.
type Change struct {
	Time                         time.Time
	ID, Endpoint, Type, From, To string
	State                        deliverylog.State
	Reason                       string
	Attempt                      *Attempt // the newest; nil: none was made
	N                            int      // its number, counted since the start of the process
}

// Watch has functions for those who want to see what happens. Each may be nil; none may
// block.
type Watch struct {
	// OnChange is called for each change of a delivery, in the order of each delivery.
	// [Deliveries.Get] knows the delivery then.
	OnChange func(Change)
	// OnState is called for each new state of an endpoint: ok, failing, open or disabled.
	OnState func(endpoint, state, reason string)
}

// change reports a change of a delivery at a time.
func (w *Watch) change(when time.Time, endpoint string, ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt, n int) {
	if w.OnChange == nil || ev.Test {
		return
	}
	s := ev.Stanza
	w.OnChange(Change{when, ev.ID, endpoint, ev.TypeName(), s.From.String(), s.To.String(), state, reason, at, n})
}

// tell reports a change of a delivery to those who watch.
func (t *target) tell(ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt, n int) {
	t.watch.change(time.Now(), t.name, ev, state, reason, at, n)
}

// tellQueued is tell for an event that was queued at a time.
func (t *target) tellQueued(ev *webhook.Event, when time.Time) {
	t.watch.change(when, t.name, ev, deliverylog.Queued, "", nil, 0)
}

// tellAttempt is tell for an attempt, when it has ended.
func (t *target) tellAttempt(ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt, n int) {
	t.watch.change(at.Time.Add(at.Duration), t.name, ev, state, reason, at, n)
}

// record reports a change of a delivery that is no attempt, and writes it into the
// delivery log.
func (t *target) record(ev *webhook.Event, state deliverylog.State, reason string) {
	t.logDelivery(ev, state, reason, nil)
	t.tell(ev, state, reason, nil, 0)
}

// StateChange is a new state of an endpoint.
type StateChange struct {
	Time          time.Time
	State, Reason string
}

// maxStates bounds the states that an endpoint remembers.
const maxStates = 50

// states are the latest states of an endpoint since the start of the process.
type states struct {
	mu  sync.Mutex
	all []StateChange
}

func (s *states) add(c StateChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == maxStates {
		s.all = s.all[:copy(s.all, s.all[1:])]
	}
	s.all = append(s.all, c)
}

// States returns the latest states of the endpoint since the start of the process, the
// newest first.
func (w *Worker) States() []StateChange {
	w.states.mu.Lock()
	defer w.states.mu.Unlock()
	all := slices.Clone(w.states.all)
	slices.Reverse(all)
	return all
}

// tellState reports a new state of the endpoint.
func (t *target) tellState(state, reason string) {
	t.states.add(StateChange{time.Now(), state, reason})
	if t.watch.OnState != nil {
		t.watch.OnState(t.name, state, reason)
	}
}

// newest returns the last of the attempts; nil if there is none.
func newest(attempts []deliverylog.Attempt) *deliverylog.Attempt {
	if len(attempts) == 0 {
		return nil
	}
	return &attempts[len(attempts)-1]
}
