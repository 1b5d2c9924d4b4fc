package delivery

import (
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Change is a change of state of a delivery: queued, each attempt, given up, dropped.
type Change struct {
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

// change reports a change of a delivery.
func (w *Watch) change(endpoint string, ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt, n int) {
	if w.OnChange == nil || ev.Test {
		return
	}
	s := ev.Stanza
	w.OnChange(Change{ev.ID, endpoint, s.EventType(), s.From.String(), s.To.String(), state, reason, at, n})
}

// tell reports a change of a delivery to those who watch.
func (t *target) tell(ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt, n int) {
	t.watch.change(t.name, ev, state, reason, at, n)
}

// record reports a change of a delivery that is no attempt, and writes it into the
// delivery log.
func (t *target) record(ev *webhook.Event, state deliverylog.State, reason string) {
	t.logDelivery(ev, state, reason, nil)
	t.tell(ev, state, reason, nil, 0)
}

// tellState reports a new state of the endpoint.
func (t *target) tellState(state, reason string) {
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
