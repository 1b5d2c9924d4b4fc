// Package bounce tells the sender of a stanza when it comes back as an error.
// A server answers for what it cannot deliver, to an unknown user for instance,
// before it goes on with the stream: then the error is here before the stanza is
// confirmed, and who waits for the confirmation can be told of it (RFC 6120
// section 8.3).
package bounce

import (
	"slices"
	"sync"
	"sync/atomic"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// maxWatches bounds the table. A stanza over the bound is sent all the same, and
// its error goes where later errors go.
const maxWatches = 10_000

// key is what a stanza and its error have in common. The recipient is bare: a
// client of the recipient may have sent the error.
type key struct {
	from, to jid.JID
	id       string
}

// Watcher is the handler that takes the errors of stanzas which are being sent.
// The zero Watcher is ready for use; one serves all links.
type Watcher struct {
	// Seen, which may be nil, is told every error of a message or presence,
	// taken or not. It must not wait.
	Seen func(*stanza.Stanza)

	Counters Counters

	mu      sync.Mutex
	watches map[key][]*Watch // in the order of Expect
	count   int
}

// Counters count errors of messages and presence since the start of the process.
type Counters struct {
	Awaited atomic.Int64 // a watch was told of
	Others  atomic.Int64 // nobody watched for
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

// Expect begins to watch for the error of a stanza, before that is sent. End
// ends it.
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

// Bounced is closed when the error came.
func (x *Watch) Bounced() <-chan struct{} { return x.bounced }

// End stops watching and returns the error stanza that came, once.
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

// Handle implements component.Handler. It takes the error of a stanza that is
// watched, the first for the one who watched first, and leaves all else to others.
func (w *Watcher) Handle(in *component.Incoming) bool {
	if in.Type != "error" || in.Kind == stanza.IQ {
		return false
	}
	if w.Seen != nil {
		w.Seen(in.Stanza)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.watches[key{in.To, in.From.Bare(), in.ID}]
	if len(all) == 0 {
		w.Counters.Others.Add(1)
		return false
	}
	w.Counters.Awaited.Add(1)
	x := all[0]
	w.remove(x)
	x.bounce = in.Stanza
	close(x.bounced)
	return true
}
