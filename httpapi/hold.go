package httpapi

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
)

// live is what a server hands on to the one that takes its place.
type live struct {
	current atomic.Pointer[Server] // whose handler requests get
	slots   *slots
	bodies  bodies

	mu    sync.Mutex
	holds map[*hold]struct{}
}

// hold is a request that waits for long, or work that a request has begun.
type hold struct {
	who  Identity
	may  func(Identity) *Fault
	lost func(*Fault)
}

// lost is the cause of a context whose request has lost its right.
type lost struct{ *Fault }

func (e lost) Error() string { return e.Text }

// Hold is for requests that wait for long: it returns a context that ends when the
// caller's right does, because his token or what it may do has changed meanwhile.
// may says whether an identity may do what is waited for. Why it has ended is told
// by [Lost]. The returned function ends the wait.
func Hold(ctx context.Context, may func(Identity) *Fault) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := HoldWork(ctx, may, func(f *Fault) { cancel(lost{f}) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}

// HoldWork is Hold for work that goes on without the request: end is called, once at
// most, when the right of who has begun it ends. It must not wait.
func HoldWork(ctx context.Context, may func(Identity) *Fault, end func(*Fault)) (release func()) {
	q := requestOf(ctx)
	if q.live == nil { // a test's
		return func() {}
	}
	h := &hold{who: q.who, may: may, lost: end}
	q.live.mu.Lock()
	q.live.holds[h] = struct{}{}
	q.live.mu.Unlock()
	// A change between the authentication and here has not seen it.
	q.live.review(h)
	return func() {
		q.live.mu.Lock()
		defer q.live.mu.Unlock()
		delete(q.live.holds, h)
	}
}

// Lost returns why the context of a Hold has ended, if the caller's right is why.
func Lost(ctx context.Context) *Fault {
	if why, ok := context.Cause(ctx).(lost); ok {
		return why.Fault
	}
	return nil
}

// Still returns why the caller of the request with this context may not do any
// more what he asked for, by the tokens as they are now; nil if he may.
func Still(ctx context.Context, may func(Identity) *Fault) *Fault {
	q := requestOf(ctx)
	if q.live == nil {
		return nil
	}
	return q.live.current.Load().still(q.who, may)
}

// review ends those holds whose right is gone; of those given, or of all.
func (l *live) review(some ...*hold) {
	s := l.current.Load()
	l.mu.Lock()
	if len(some) == 0 {
		for h := range l.holds {
			some = append(some, h)
		}
	}
	l.mu.Unlock()
	for _, h := range some {
		f := s.still(h.who, h.may)
		if f == nil {
			continue
		}
		l.mu.Lock()
		_, there := l.holds[h]
		delete(l.holds, h)
		l.mu.Unlock()
		if there {
			h.lost(f)
		}
	}
}

// still judges an identity by the tokens as they are now.
func (s *Server) still(who Identity, may func(Identity) *Fault) *Fault {
	now, f := s.now(who)
	if f != nil {
		return f
	}
	return may(now)
}

// now returns what an identity is by the tokens as they are now.
func (s *Server) now(who Identity) (Identity, *Fault) {
	gone := &Fault{Status: http.StatusUnauthorized, Text: "the credentials of this request are not accepted any more: the configuration has changed"}
	switch {
	case s.o.NoAuth:
		return anonymous(), nil
	case who.AllScopes:
		return Identity{}, gone
	case who.mount != "":
		for i := range s.mounts {
			if m := &s.mounts[i]; m.Prefix == who.mount && m.Known != nil && m.Known(who.Name) {
				return who, nil
			}
		}
		return Identity{}, gone
	}
	for _, t := range *s.tokens.Load() {
		if t.Hash == who.hash {
			return t.identity(), nil
		}
	}
	return Identity{}, gone
}
