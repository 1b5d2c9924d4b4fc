package roster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
)

// Options say how the rosters of one host's users are kept.
type Options struct {
	Domain      string // the host
	Source      Source
	Backends    Chooser
	Cache       Cache
	Mode        Mode
	Keep        []jid.Glob
	Concurrency int // owners at a time
	Log         *zap.Logger
	Now         func() time.Time // nil: time.Now
}

// Host keeps the rosters of one host's users. For an owner it does one thing at
// a time: a refresh that is asked for during one runs after it, once, however
// many ask.
//
// Killed during a refresh: the server has some of its changes. The next refresh
// begins with reading what is there, and does the rest.
type Host struct {
	Domain string
	Log    *zap.Logger
	now    atomic.Pointer[setup]
	stop   context.CancelFunc
	ctx    context.Context // of the refreshes
	wg     sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	flights map[jid.JID]*flight

	Counters Counters
}

// setup is how the rosters are kept at the moment.
type setup struct {
	Options
	slots chan struct{}
}

func newSetup(o Options) *setup {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &setup{o, make(chan struct{}, o.Concurrency)}
}

// Counters count refreshes, by result.
type Counters struct {
	Applied, Unchanged, Degraded, Forbidden, NoSuchUser, Unknown, SourceError, Timeout atomic.Int64
}

// of returns the counter of a result.
func (c *Counters) of(r Result) *atomic.Int64 {
	switch r {
	case Applied:
		return &c.Applied
	case Unchanged:
		return &c.Unchanged
	case Degraded:
		return &c.Degraded
	case Forbidden:
		return &c.Forbidden
	case NoSuchUser:
		return &c.NoSuchUser
	case Unknown:
		return &c.Unknown
	case SourceError:
		return &c.SourceError
	case Timeout:
		return &c.Timeout
	}
	return nil
}

func (c *Counters) count(r Result) {
	if n := c.of(r); n != nil {
		n.Add(1)
	}
}

// All returns the counts of all results, also those that are 0.
func (c *Counters) All() map[Result]int64 {
	all := make(map[Result]int64)
	for _, r := range []Result{Applied, Unchanged, Degraded, Forbidden, NoSuchUser, Unknown, SourceError, Timeout} {
		all[r] = c.of(r).Load()
	}
	return all
}

// flight is an owner's refresh that is under way, and the one after it.
type flight struct {
	now   *turn
	begun bool
	next  *turn // nil: nobody has asked for one
}

// turn is one refresh, for all who wait for it.
type turn struct {
	force   bool
	done    chan struct{}
	outcome Outcome
}

// NewHost returns a host that has nothing to do yet. Stop it in the end.
func NewHost(o Options) *Host {
	h := &Host{Domain: o.Domain, Log: o.Log, flights: make(map[jid.JID]*flight)}
	h.now.Store(newSetup(o))
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Change makes all refreshes that begin from now on do as these options say;
// Domain and Log stay as they are.
func (h *Host) Change(o Options) {
	o.Domain, o.Log = h.Domain, h.Log
	h.now.Store(newSetup(o))
}

func (h *Host) options() Options { return h.now.Load().Options }

// Now is the time of the host's clock.
func (h *Host) Now() time.Time { return h.now.Load().Now() }

// ErrStopped means that the process is about to end.
var ErrStopped = errors.New("stanzahook is stopping")

// Refresh makes an owner's roster on the server what the source wants, and says
// what came of it. With force also where that takes away most of a roster. When
// ctx ends first, the refresh goes on. Errors: ErrStopped, and ctx's.
func (h *Host) Refresh(ctx context.Context, owner jid.JID, force bool) (Outcome, error) {
	t, err := h.join(owner, force)
	if err != nil {
		return Outcome{}, err
	}
	select {
	case <-t.done:
		if t.outcome.Result == "" {
			return Outcome{}, ErrStopped
		}
		return t.outcome, nil
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// join returns the owner's next refresh that has not begun.
func (h *Host) join(owner jid.JID, force bool) (*turn, error) {
	if owner.Domain() != h.Domain || !owner.IsBare() || owner.Local() == "" {
		return nil, fmt.Errorf("%s is no user of %s", owner, h.Domain)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, ErrStopped
	}
	f := h.flights[owner]
	if f == nil {
		f = &flight{now: &turn{force: force, done: make(chan struct{})}}
		h.flights[owner] = f
		h.wg.Go(func() { h.fly(owner, f) })
		return f.now, nil
	}
	t := f.now
	if f.begun {
		if f.next == nil {
			f.next = &turn{done: make(chan struct{})}
		}
		t = f.next
	}
	t.force = t.force || force
	return t, nil
}

// fly does an owner's refreshes until nobody asks for another.
func (h *Host) fly(owner jid.JID, f *flight) {
	for {
		free, slots := false, h.now.Load().slots
		select {
		case slots <- struct{}{}:
			free = true
		case <-h.ctx.Done():
		}
		h.mu.Lock()
		f.begun = true
		t := f.now
		h.mu.Unlock()
		if free {
			t.outcome = h.refresh(h.ctx, owner, t.force)
			<-slots
			if h.ctx.Err() != nil && !t.outcome.Result.Updated() {
				t.outcome = Outcome{} // it was broken off: ErrStopped
			}
			h.Counters.count(t.outcome.Result)
		}
		close(t.done)
		h.mu.Lock()
		f.now, f.next, f.begun = f.next, nil, false
		if f.now == nil {
			delete(h.flights, owner)
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// Running is how many refreshes are under way or wait.
func (h *Host) Running() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.flights)
}

// Stop takes no more refreshes, and waits for those under way; when ctx ends,
// they are broken off.
func (h *Host) Stop(ctx context.Context) {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	end := context.AfterFunc(ctx, h.stop)
	h.wg.Wait()
	end()
	h.stop()
}
