package roster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
)

// Options configure the rosters of one host.
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
	OnEnd       func(Outcome)    // gets the outcome of each refresh, and must not block; nil: nobody
}

// Syncer refreshes the rosters of one host's users. It runs one refresh of an
// owner at a time: calls during a refresh share one more refresh after it.
//
// Killed during a refresh: the server has some of the changes. The next refresh
// reads the roster first and makes the rest.
type Syncer struct {
	Domain  string
	Log     *zap.Logger
	current atomic.Pointer[setup]
	stop    context.CancelFunc
	ctx     context.Context // of the refreshes
	wg      sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	flights map[jid.JID]*flight

	Counters Counters
}

// setup is the current configuration.
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

// Counters count refreshes by result.
type Counters struct{ counts [len(results)]atomic.Int64 }

// Count returns the number of refreshes with a result.
func (c *Counters) Count(r Result) int64 { return c.counts[slices.Index(results[:], r)].Load() }

func (c *Counters) count(r Result) {
	if i := slices.Index(results[:], r); i >= 0 { // an aborted refresh has none
		c.counts[i].Add(1)
	}
}

// All returns the counts of all results, also those that are 0.
func (c *Counters) All() map[Result]int64 {
	all := make(map[Result]int64)
	for i, r := range results {
		all[r] = c.counts[i].Load()
	}
	return all
}

// flight holds an owner's current refresh, and the one after it.
type flight struct {
	current *pass
	begun   bool
	next    *pass // nil: not requested
}

// pass is one refresh, shared by all callers that wait for it.
type pass struct {
	force   bool
	done    chan struct{}
	outcome Outcome
}

// NewSyncer returns an idle syncer. Call Stop at the end.
func NewSyncer(o Options) *Syncer {
	h := &Syncer{Domain: o.Domain, Log: o.Log, flights: make(map[jid.JID]*flight)}
	h.current.Store(newSetup(o))
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Change sets the options of all refreshes that begin from now on, except Domain
// and Log.
func (h *Syncer) Change(o Options) {
	o.Domain, o.Log = h.Domain, h.Log
	h.current.Store(newSetup(o))
}

func (h *Syncer) options() Options { return h.current.Load().Options }

// Now returns the time of the clock in the options.
func (h *Syncer) Now() time.Time { return h.current.Load().Now() }

// Refresh brings an owner's roster on the server to what the source wants. With
// force it does so even if that removes most of the roster. The refresh goes on
// when ctx ends. Errors: gateway.ErrStopping, and that of ctx.
func (h *Syncer) Refresh(ctx context.Context, owner jid.JID, force bool) (Outcome, error) {
	t, err := h.join(owner, force)
	if err != nil {
		return Outcome{}, err
	}
	select {
	case <-t.done:
		if t.outcome.Result == "" {
			return Outcome{}, gateway.ErrStopping
		}
		return t.outcome, nil
	case <-ctx.Done():
		return Outcome{}, ctx.Err()
	}
}

// join returns the owner's next refresh that has not begun, and requests it if there is none.
func (h *Syncer) join(owner jid.JID, force bool) (*pass, error) {
	if owner.Domain() != h.Domain || !owner.IsBare() || owner.Local() == "" {
		return nil, fmt.Errorf("%s is not a user of %s", owner, h.Domain)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return nil, gateway.ErrStopping
	}
	f := h.flights[owner]
	if f == nil {
		f = &flight{current: &pass{force: force, done: make(chan struct{})}}
		h.flights[owner] = f
		h.wg.Go(func() { h.run(owner, f) })
		return f.current, nil
	}
	t := f.current
	if f.begun {
		if f.next == nil {
			f.next = &pass{done: make(chan struct{})}
		}
		t = f.next
	}
	t.force = t.force || force
	return t, nil
}

// run runs the refreshes of an owner until no other is requested.
func (h *Syncer) run(owner jid.JID, f *flight) {
	for {
		free, slots := false, h.current.Load().slots
		select {
		case slots <- struct{}{}:
			free = true
		case <-h.ctx.Done():
		}
		h.mu.Lock()
		f.begun = true
		t := f.current
		h.mu.Unlock()
		if free {
			t.outcome = h.refresh(h.ctx, owner, t.force)
			<-slots
			if h.ctx.Err() != nil && !t.outcome.Result.Updated() {
				t.outcome = Outcome{} // it was aborted: gateway.ErrStopping
			}
			h.Counters.count(t.outcome.Result)
			if on := h.options().OnEnd; on != nil && t.outcome.Result != "" {
				on(t.outcome)
			}
		}
		close(t.done)
		h.mu.Lock()
		f.current, f.next, f.begun = f.next, nil, false
		if f.current == nil {
			delete(h.flights, owner)
			h.mu.Unlock()
			return
		}
		h.mu.Unlock()
	}
}

// Running returns how many owners have a refresh running or waiting.
func (h *Syncer) Running() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.flights)
}

// Stop accepts no more refreshes and waits for the running ones. It aborts them
// when ctx ends.
func (h *Syncer) Stop(ctx context.Context) {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	end := context.AfterFunc(ctx, h.stop)
	h.wg.Wait()
	end()
	h.stop()
}
