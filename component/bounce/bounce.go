// Package bounce reports to the sender of a stanza that the stanza came back as an
// error. A server that cannot deliver a stanza, because the user is unknown for
// instance, sends the error before it handles the rest of the stream. So the error
// arrives before the confirmation, and a caller that waits for that gets the error
// instead (RFC 6120 section 8.3).
package bounce

import (
	"slices"
	"sync"
	"sync/atomic"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// maxWatches bounds the table. Over the bound a stanza is sent without a watch, and
// its error is handled like one that comes too late.
const maxWatches = 10_000

// key is what a stanza and its error have in common. The recipient is bare, since a
// client of the recipient may have sent the error.
type key struct {
	from, to jid.JID
	id       string
}

// Watcher is the handler for the errors of stanzas that wait for their
// confirmation. The zero Watcher is ready for use; one serves all links.
type Watcher struct {
	// Seen, if not nil, is called with every error of a message or presence,
	// watched or not. It must not block.
	Seen func(*stanza.Stanza)

	Counters Counters

	mu      sync.Mutex
	watches map[key][]*Watch // in the order of Expect
	count   int
}

// Counters count errors of messages and presence since the start of the process.
type Counters struct {
	Awaited atomic.Int64 // that a watch received
	Others  atomic.Int64 // without a watch
}

// Watching returns how many watches there are.
func (w *Watcher) Watching() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Watch waits for the error of one stanza.
type Watch struct {
	w       *Watcher
	key     key
	bounced chan struct{}
	bounce  *stanza.Stanza
}

// Expect starts a watch for the error of a stanza. Call it before the stanza is
// sent, and call End afterwards.
func (w *Watcher) Expect(from, to jid.JID, id string) *Watch {
	x := &Watch{w: w, key: key{from, to.Bare(), id}, bounced: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count >= maxWatches {
		return x
	}
	if w.watches == nil {
		w.watches = make(map[key][]*Watch)
	}
	w.watches[x.key] = append(w.watches[x.key], x)
	w.count++
	return x
}

// Bounced returns a channel that is closed when the error arrives.
func (x *Watch) Bounced() <-chan struct{} { return x.bounced }

// Bounce returns the error that has arrived; nil: none has, or End has returned it.
func (x *Watch) Bounce() *stanza.Stanza {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	return x.bounce
}

// End stops the watch. Its first call returns the error stanza, if one arrived.
func (x *Watch) End() *stanza.Stanza {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	x.w.remove(x)
	back := x.bounce
	x.bounce = nil
	return back
}

func (w *Watcher) remove(x *Watch) {
	all := w.watches[x.key]
	i := slices.Index(all, x)
	if i < 0 {
		return
	}
	w.count--
	if all = slices.Delete(all, i, i+1); len(all) == 0 {
		delete(w.watches, x.key)
		return
	}
	w.watches[x.key] = all
}

// Handle implements component.Handler. It consumes errors of watched stanzas; each
// error goes to the oldest watch that matches.
func (w *Watcher) Handle(in *component.Incoming) bool {
	return in.Type == "error" && in.Kind != stanza.IQ && w.Return(in.Stanza)
}

// Return is Handle for the error of a message or presence that we know by ourselves.
func (w *Watcher) Return(s *stanza.Stanza) bool {
	if w.Seen != nil {
		w.Seen(s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.watches[key{s.To, s.From.Bare(), s.ID}]
	if len(all) == 0 {
		w.Counters.Others.Add(1)
		return false
	}
	w.Counters.Awaited.Add(1)
	x := all[0]
	w.remove(x)
	x.bounce = s
	close(x.bounced)
	return true
}
