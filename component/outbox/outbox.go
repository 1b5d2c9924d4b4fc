// Package outbox sends the messages and presence of HTTP callers. A stanza that it
// accepts is either confirmed by the XMPP server, or stored on disk and sent when
// the server is back.
//
// While the link is up and nothing waits, a stanza is sent directly and not
// stored. It is stored if the link is down, if the confirmation does not come in
// time, or if older stanzas wait, since the order is kept. Stored stanzas are sent
// in order, with their original ids.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// storeTimeout bounds one write to the store.
const storeTimeout = 10 * time.Second

// maxFinished is how many records are remembered that were removed: more than the store hands out at a time.
const maxFinished = 4 * store.MaxOutgoing

// Outbox is the outbox of one component.
type Outbox struct {
	link   *component.Link
	store  *store.Store
	wait   time.Duration // for a confirmation
	maxAge time.Duration
	log    *zap.Logger

	waiting atomic.Int64 // stored and unconfirmed
	bytes   atomic.Int64 // of these, about

	mu       sync.Mutex
	sent     map[string]*flight               // by record: stored stanzas that the link has too
	unread   map[string]bool                  // records that this process puts or has put, and has not read
	read     map[string]bool                  // records that were read and not removed
	finished *simplelru.LRU[string, struct{}] // the last records that were removed: the store may hand them out once more
	left     int                              // records of earlier processes that are not read yet, at most
	mark     uint64                           // place behind which an earlier process can have put nothing that counts
	charged  map[string]charge                // by record: its part of a caller's share
	underway int                              // bytes of stored stanzas that the link has and the server has not confirmed
	landing  chan struct{}                    // underway has become less

	Expired atomic.Int64
	Late    atomic.Int64 // records that were discarded, since they were not reported as stored

	// Shares, if not nil, limits how much each caller may store. Set it before
	// Start. Several outboxes may use the same Shares.
	Shares *store.Shares

	// Ended, if not nil, is called with the outcome of each stanza for which Send
	// returns Queued: nil if the server confirmed it, gateway.ErrExpired if it expired, any
	// other error if it was refused. It must not block. Set it before Start.
	Ended func(s *stanza.Stanza, err error)

	// Elsewhere, if not nil, takes over a stored stanza that is not to be sent now, and
	// reports whether it has. It may wait for the store. Set it before Start.
	Elsewhere func(ctx context.Context, s *stanza.Stanza, queued time.Time) bool

	// Changed, if not nil, is called when more or less waits. It must not block. Set it
	// before Start.
	Changed func()
}

func (o *Outbox) ended(s *stanza.Stanza, err error) {
	if o.Ended != nil {
		o.Ended(s, err)
	}
}

// charge is the part of a caller's share that a record uses.
type charge struct {
	caller string
	size   int64
}

// flight is a stanza that was sent directly.
type flight struct {
	stanza *stanza.Stanza
	done   chan struct{}
	kept   bool                    // it is stored too, or about to be
	landed bool                    // the server confirmed or refused it
	err    error                   // of the refusal
	record *store.OutgoingDelivery // of the stored copy, once it was read
}

// New returns the outbox of a link. wait is how long Send waits for the server's
// confirmation before it stores the stanza. Stanzas older than maxAge expire.
func New(link *component.Link, s *store.Store, wait, maxAge time.Duration, log *zap.Logger) *Outbox {
	finished, _ := simplelru.NewLRU[string, struct{}](maxFinished, nil) // fails only for size 0
	return &Outbox{finished: finished, link: link, store: s, wait: wait, maxAge: maxAge, log: log.With(zap.String("component", link.Domain().String())), sent: make(map[string]*flight), unread: make(map[string]bool), read: make(map[string]bool), charged: make(map[string]charge), landing: make(chan struct{}, 1)}
}

// Waiting returns how many stanzas are stored and unconfirmed.
func (o *Outbox) Waiting() int { return int(o.waiting.Load()) }

// Bytes returns how large the stored and unconfirmed stanzas are, about.
func (o *Outbox) Bytes() int64 { return max(0, o.bytes.Load()) }

// change counts stanzas that wait from now on, or no longer.
func (o *Outbox) change(n int, bytes int64) {
	if o.waiting.Add(int64(n)) == 0 {
		o.bytes.Store(0)
	} else {
		o.bytes.Add(bytes)
	}
	if o.Changed != nil {
		o.Changed()
	}
}

// Send sends a message or presence of a caller. What it stores counts towards the
// caller's share, unless caller is empty.
//
// Killed before it returns: the caller got no answer; the stanza may or may not have
// been sent. Killed after Confirmed: the server has it. Killed after Queued: it is
// sent after the restart, perhaps twice, with the same id.
//
// Errors: gateway.ErrFull, also over the caller's share; gateway.ErrBusy;
// gateway.ErrRejected; gateway.ErrUnconfirmed if the server did not confirm the
// stanza and it could not be stored; refusals of the link (addresses, size); that
// of ctx when the caller goes away.
func (o *Outbox) Send(ctx context.Context, caller string, s *stanza.Stanza) (gateway.State, error) {
	if s.Kind == stanza.IQ {
		return "", errors.New("kind: the outbox does not accept an iq")
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

// keep stores a stanza. With a flight, the link has the stanza too and sends it;
// the record then only matters if the process is killed before that.
func (o *Outbox) keep(ctx context.Context, caller string, s *stanza.Stanza, f *flight) (gateway.State, error) {
	id, c := ulid.Make().String(), charge{caller, o.store.Outbox().Size(s.XML())}
	if f != nil {
		o.mu.Lock()
		if f.landed {
			o.mu.Unlock()
			return f.state()
		}
		o.sent[id], f.kept = f, true
		o.mu.Unlock()
	}
	o.change(1, int64(len(s.XML())))
	err := errShare
	if o.Shares.Take(caller, c.size) {
		o.mu.Lock()
		o.charged[id], o.unread[id] = c, true
		o.mu.Unlock()
		err = o.put(ctx, id, s)
	}
	if err == nil {
		return gateway.Queued, nil
	}
	o.mu.Lock()
	arrived := err != errShare && !o.unread[id] // it is stored after all, and is sent
	if !arrived {
		delete(o.sent, id)
		delete(o.unread, id)
	}
	o.mu.Unlock()
	if !arrived {
		o.change(-1, -int64(len(s.XML())))
		o.release(id)
	}
	if f != nil {
		return "", fmt.Errorf("%w, and it could not be stored: %w", gateway.ErrUnconfirmed, err)
	}
	return "", err
}

// errShare means that a caller's share is used up.
var errShare = fmt.Errorf("%w: the waiting stanzas of this caller take up its share, a quarter of the outbox", gateway.ErrFull)

func (o *Outbox) put(ctx context.Context, id string, s *stanza.Stanza) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return o.store.Outbox().Put(ctx, store.Outgoing{ID: id, Component: o.link.Domain().String(), Queued: time.Now(), Stanza: s.XML()})
}

// release returns the part of a caller's share that a record used.
func (o *Outbox) release(id string) {
	o.mu.Lock()
	c, ok := o.charged[id]
	delete(o.charged, id)
	o.mu.Unlock()
	if ok {
		o.Shares.Give(c.caller, c.size)
	}
}

// state returns the outcome of a flight that has landed.
func (f *flight) state() (gateway.State, error) {
	if f.err != nil {
		return "", f.err
	}
	return gateway.Confirmed, nil
}

// landed records that the server confirmed a flight, or refused it.
func (o *Outbox) landed(f *flight, err error) {
	o.mu.Lock()
	f.landed, f.err = true, err
	record, kept := f.record, f.kept
	o.mu.Unlock()
	close(f.done)
	if record != nil {
		o.remove(record)
	}
	if kept {
		o.ended(f.stanza, err)
	}
}

// remove removes a record.
func (o *Outbox) remove(d *store.OutgoingDelivery) {
	o.mu.Lock()
	delete(o.sent, d.ID)
	delete(o.read, d.ID)
	o.finished.Add(d.ID, struct{}{})
	o.mu.Unlock()
	o.release(d.ID)
	o.acknowledge(d)
	o.change(-1, -int64(len(d.Stanza)))
}

func (o *Outbox) acknowledge(d *store.OutgoingDelivery) {
	if err := d.Ack(); err != nil {
		o.log.Warn("outbox stanza not removed", zap.String("record", d.ID), zap.Error(err), zap.String("hint", "it is sent again after a restart"))
	}
}
