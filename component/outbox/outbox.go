// Package outbox takes messages and presence from HTTP callers and answers for
// them: either the XMPP server has confirmed a stanza, or it is on our disk
// and will be sent when the server is back.
//
// While the link is up and nothing waits, a stanza goes out directly and
// nothing is written. If the confirmation does not come in time, or there is
// no link, or older stanzas wait (order!), it is stored. Stored stanzas go out
// in order, with the ids they had.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// State is where a stanza is that was taken.
type State string

// The states.
const (
	Confirmed State = "confirmed" // the XMPP server has it
	Queued    State = "queued"    // it is on our disk
)

// storeTimeout bounds one write to the store.
const storeTimeout = 10 * time.Second

// ErrFull means that a bound of the outbox is reached.
var ErrFull = errors.New("the outbox is full")

// Outbox is the outbox of one component.
type Outbox struct {
	link   *component.Link
	store  *store.Store
	wait   time.Duration // for a confirmation
	maxAge time.Duration
	log    *zap.Logger

	waiting atomic.Int64 // stored and not confirmed

	mu   sync.Mutex
	sent map[string]*flight // by record: stanzas that are in the link's queue as well
	has  map[string]bool    // records that were read and are not settled
	owed map[string]charge  // by record: whose share it takes

	Expired atomic.Int64

	// Shares, which may be nil, are those of the callers in what is stored. They are
	// set before Start, and may be shared by outboxes.
	Shares *store.Shares

	// Ended, which may be nil, is told what became of a stanza of which Send
	// has said, or is about to say, Queued: nil is confirmed, ErrExpired given
	// up, any other error refused. It must not wait. It is set before Start.
	Ended func(s *stanza.Stanza, err error)
}

// ErrExpired means that a stanza has waited in the outbox for too long.
var ErrExpired = errors.New("the XMPP server could not be reached in time")

func (o *Outbox) ended(s *stanza.Stanza, err error) {
	if o.Ended != nil {
		o.Ended(s, err)
	}
}

// charge is what a record takes of a caller's share.
type charge struct {
	caller string
	size   int64
}

// flight is a stanza that was given to the link directly.
type flight struct {
	stanza *stanza.Stanza
	done   chan struct{}
	kept   bool                    // it is stored as well, or is about to be
	landed bool                    // the server has it, or refused it
	err    error                   // with which it refused
	record *store.OutgoingDelivery // of its copy in the store, once that was read
}

// New returns the outbox of a link. wait is how long Send waits for the
// server's confirmation before it stores the stanza instead; stanzas older
// than maxAge are given up.
func New(link *component.Link, s *store.Store, wait, maxAge time.Duration, log *zap.Logger) *Outbox {
	return &Outbox{link: link, store: s, wait: wait, maxAge: maxAge, log: log.With(zap.String("component", link.Domain().String())), sent: make(map[string]*flight), has: make(map[string]bool), owed: make(map[string]charge)}
}

// Waiting returns how many stanzas are stored and not confirmed.
func (o *Outbox) Waiting() int { return int(o.waiting.Load()) }

// Send takes a message or presence of a caller, who has a share of what is stored; one
// without a name has none.
//
// Killed before it returns: the caller was told nothing; the stanza may have
// been sent or not. Killed after Confirmed: the server has it. Killed after
// Queued: it is sent after the restart, perhaps again, with the same id.
//
// Errors: ErrFull, also over the caller's share; component.ErrBusy; component.ErrRejected; component.ErrUnconfirmed if the server
// did not confirm and the stanza could not be stored either; what the link
// refuses (addresses, size); ctx's error when the caller goes away.
func (o *Outbox) Send(ctx context.Context, caller string, s *stanza.Stanza) (State, error) {
	if s.Kind == stanza.IQ {
		return "", errors.New("kind: an iq is not kept in the outbox")
	}
	if err := o.link.Check(s); err != nil {
		return "", err
	}
	if o.waiting.Load() > 0 || !o.link.Connected() {
		return o.keep(ctx, caller, s, nil)
	}
	f := &flight{stanza: s, done: make(chan struct{})}
	if err := o.link.Send(s, func(err error) { o.landed(f, err) }); err != nil {
		return "", err
	}
	late := time.NewTimer(o.wait)
	defer late.Stop()
	select {
	case <-f.done:
		return f.state()
	case <-ctx.Done():
		return "", ctx.Err()
	case <-late.C:
		return o.keep(ctx, caller, s, f)
	}
}

// keep stores a stanza. With a flight, the link has the stanza too and will
// send it; the record is then only for the case that we are killed before.
func (o *Outbox) keep(ctx context.Context, caller string, s *stanza.Stanza, f *flight) (State, error) {
	id, owed := ulid.Make().String(), charge{caller, o.store.OutgoingSize(s.XML())}
	if f != nil {
		o.mu.Lock()
		if f.landed {
			o.mu.Unlock()
			return f.state()
		}
		o.sent[id], f.kept = f, true
		o.mu.Unlock()
	}
	o.waiting.Add(1)
	err := errShare
	if o.Shares.Take(caller, owed.size) {
		o.mu.Lock()
		o.owed[id] = owed
		o.mu.Unlock()
		err = o.put(ctx, id, s)
	}
	if err == nil {
		return Queued, nil
	}
	o.waiting.Add(-1)
	o.mu.Lock()
	delete(o.sent, id)
	o.mu.Unlock()
	o.pay(id)
	switch {
	case f != nil:
		return "", fmt.Errorf("%w, and it could not be stored: %w", component.ErrUnconfirmed, err)
	case errors.Is(err, store.ErrFull):
		return "", fmt.Errorf("%w: %w", ErrFull, err)
	}
	return "", err
}

// errShare is what a caller gets who has more waiting than his share.
var errShare = fmt.Errorf("%w: what waits of this caller takes a quarter of it, his share", store.ErrFull)

func (o *Outbox) put(ctx context.Context, id string, s *stanza.Stanza) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return o.store.PutOutgoing(ctx, store.Outgoing{ID: id, Component: o.link.Domain().String(), Queued: time.Now(), Stanza: s.XML()})
}

// pay gives back what a record has taken of its caller's share.
func (o *Outbox) pay(id string) {
	o.mu.Lock()
	owed, ok := o.owed[id]
	delete(o.owed, id)
	o.mu.Unlock()
	if ok {
		o.Shares.Give(owed.caller, owed.size)
	}
}

// state is the outcome of a flight that has landed.
func (f *flight) state() (State, error) {
	if f.err != nil {
		return "", f.err
	}
	return Confirmed, nil
}

// landed notes that the server has confirmed a flight, or refused it.
func (o *Outbox) landed(f *flight, err error) {
	o.mu.Lock()
	f.landed, f.err = true, err
	record, kept := f.record, f.kept
	o.mu.Unlock()
	close(f.done)
	if record != nil {
		o.settle(record)
	}
	if kept {
		o.ended(f.stanza, err)
	}
}

// settle removes a record.
func (o *Outbox) settle(d *store.OutgoingDelivery) {
	o.mu.Lock()
	delete(o.sent, d.ID)
	delete(o.has, d.ID)
	o.mu.Unlock()
	o.pay(d.ID)
	if err := d.Ack(); err != nil {
		o.log.Warn("a stanza stays in the outbox and will be sent again after a restart", zap.String("record", d.ID), zap.Error(err))
	}
	o.waiting.Add(-1)
}
