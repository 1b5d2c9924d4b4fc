package httpapi

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
)

// live is what a handler hands on to its successor.
type live struct {
	current   atomic.Pointer[Handler] // the one that serves new requests
	slots     *slots
	waiting   *slots // places of requests that wait
	bodies    bodies
	strangers *strangers
	tarpit    *tarpit
	proven    *proven

	mu    sync.Mutex
	holds map[*hold]struct{}
}

// hold is a request that waits for long, or work that a request has started.
type hold struct {
	who  Identity
	may  func(Identity) *Fault
	lost func(*Fault)
}

// lost is the cause of a context that ended with the right of its caller.
type lost struct{ *Fault }

func (e lost) Error() string { return e.Text }

// Hold is for requests that wait for long: it returns a context that also ends when the
// caller loses the right to wait, because its token has changed. may returns why an
// identity may not do what the request waits for. [Lost] returns why the context ended.
// The returned function releases it.
func Hold(ctx context.Context, may func(Identity) *Fault) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := HoldWork(ctx, may, func(f *Fault) { cancel(lost{f}) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}

// HoldWork is Hold for work that goes on without the request: it calls end, at most once,
// when the caller loses the right. end must not block.
func HoldWork(ctx context.Context, may func(Identity) *Fault, end func(*Fault)) (release func()) {
	q := requestOf(ctx)
	if q.live == nil { // in a test
		return func() {}
	}
	h := &hold{who: q.who, may: may, lost: end}
	q.live.mu.Lock()
	q.live.holds[h] = struct{}{}
	q.live.mu.Unlock()
	// A reload between the authentication and here has not reviewed it.
	q.live.review(h)
	return func() {
		q.live.mu.Lock()
		defer q.live.mu.Unlock()
		delete(q.live.holds, h)
	}
}

// Lost returns why the caller of a Hold has lost its right; nil if it has not.
func Lost(ctx context.Context) *Fault {
	if why, ok := context.Cause(ctx).(lost); ok {
		return why.Fault
	}
	return nil
}

// Still returns why the caller of the request with this context has lost a right, by the
// current tokens; nil if it has not.
func Still(ctx context.Context, may func(Identity) *Fault) *Fault {
	q := requestOf(ctx)
	if q.live == nil {
		return nil
	}
	return q.live.current.Load().still(q.who, may)
}

// review ends the holds whose right is lost: of those given, or of all.
func (l *live) review(some ...*hold) {
	now := l.current.Load()
	l.mu.Lock()
	if len(some) == 0 {
		for h := range l.holds {
			some = append(some, h)
		}
	}
	l.mu.Unlock()
	for _, h := range some {
		f := now.still(h.who, h.may)
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

// still returns why an identity has lost a right, by the current tokens.
func (h *Handler) still(who Identity, may func(Identity) *Fault) *Fault {
	now, f := h.now(who)
	if f != nil {
		return f
	}
	return may(now)
}

// now returns an identity as it is by the current tokens.
func (h *Handler) now(who Identity) (Identity, *Fault) {
	gone := &Fault{Status: http.StatusUnauthorized, Text: "the credentials of this request are not accepted any more: the configuration has changed"}
	switch {
	case h.o.NoAuth:
		return anonymous(), nil
	case who.AllScopes:
		return Identity{}, gone
	case who.mount != "":
		for i := range h.mounts {
			if m := &h.mounts[i]; m.Prefix == who.mount && m.Known != nil && m.Known(who.Name) {
				return who, nil
			}
		}
		return Identity{}, gone
	}
	for _, t := range h.o.Tokens {
		if t.Hash == who.hash {
			return t.identity(), nil
		}
	}
	return Identity{}, gone
}
