package httpapi

import (
	"context"
	"sync"
)

// waitingPart: there are as many places for requests that wait as this many times the slots.
const waitingPart = 2

// place is what a request in progress counts as: one with a slot, or one that waits.
type place struct {
	mu     sync.Mutex
	of     *slots // nil: it has left
	bounds bounds
}

// move gives the slot to others for a place of another kind, if there is one.
func (p *place) move(to *slots, q *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || p.of == to {
		return
	}
	taken, f := to.take(q)
	if f != nil {
		return
	}
	p.of.leave(p.bounds)
	p.of, p.bounds = to, taken
}

func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of.leave(p.bounds)
	p.of = nil
}

// Wait is [Hold] for a request that does nothing but wait from here on: for events, for the
// answer of a person, for the state of a message. It gives its slot to others, and has a
// place of those that wait until it ends. Of these there are twice as many as slots; the
// share of a caller is half of them. One without a place keeps its slot.
func Wait(ctx context.Context, may func(Identity) *Fault) (context.Context, func()) {
	if q := requestOf(ctx); q.place != nil {
		q.place.move(q.live.waiting, q)
	}
	return Hold(ctx, may)
}
