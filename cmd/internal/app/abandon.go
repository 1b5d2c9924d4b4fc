package app

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"stanzahook/component"
)

// flushTick is how often flush checks whether a link still lives.
const flushTick = 100 * time.Millisecond

// isLink reports whether an address is this end of a connection to an XMPP server.
func (a *App) isLink(local netip.AddrPort) bool {
	for _, l := range a.links {
		if l.Local() == local {
			return true
		}
	}
	return false
}

// Abandon ends what this process has begun, as it is not the active replica any more, and another one
// may be: no attempt begins or goes on, and what is neither stored nor delivered goes back to
// its senders, with an error, over the links that still live. An attempt that has no answer yet counts as not
// delivered. It returns when the servers have the errors, or ctx ends; nothing is finished then, and
// only a fresh process may go on. lost is how many of these errors the servers do not have, as they had ended the
// connections. Of an embedded store it does nothing.
//
// Killed before it returns: what is left is lost, as if it had still been in the socket.
func (a *App) Abandon(ctx context.Context) (lost int) {
	if a.store.Remote() == nil {
		return 0
	}
	for _, l := range a.links { // the name is another one's when the connection ends
		l.Stay()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		now, cancel := context.WithCancel(ctx)
		cancel()
		var all sync.WaitGroup
		for _, w := range a.current.Load().workers {
			all.Go(func() { w.Stop(now) })
		}
		all.Wait()
		a.store.Settle(now)
		for _, l := range a.links {
			all.Go(func() { flush(ctx, l) })
		}
		all.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	for _, l := range a.links {
		lost += l.Unreturned()
	}
	return lost
}

// flush waits until the server has everything that was sent over a link, as long as that lives.
func flush(ctx context.Context, l *component.Link) {
	for l.Connected() && ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, flushTick)
		err := l.Flush(once)
		cancel()
		if err == nil {
			return
		}
	}
}
