package hooks

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/message"
	"stanzahook/pkg/store"
)

// Threads know the first message of each thread, to which later states of the same thing
// refer. They are kept over reloads, and in the store over restarts.
//
// A message in a room is referred to by the id that the room gives it (XEP-0359). It comes
// with the room's copy of the message, see Echoed; until then, and in a room that gives
// none, nothing can reply to it.
type Threads struct {
	store   *store.Threads
	log     *zap.Logger
	repeats loglimit.Limiter
	writes  chan store.Thread

	back chan cameBack

	mu     sync.Mutex
	turns  map[string]*turn                             // threads that are written to now
	open   *shared[messageKey, map[string]*firstOf]     // messages whose copy has not come, by name of the thread
	firsts *shared[messageKey, map[string]store.Thread] // threads by their first messages, and by name
	coming map[messageKey]bool                          // those in back
	backOf map[string]int                               // how many of them a hook has

	unplaced Back // without Waiting
}

// firstOf is a first message that the room has not sent back.
type firstOf struct {
	thread store.Thread
	stored bool
	echoed chan struct{} // closed when it has
}

// Bounds of the wait for a room's copy of a first message: how old that may be, and how
// long a later state waits.
const (
	youngFirst = 10 * time.Second
	echoWait   = 2 * time.Second
)

// maxWrites bounds the copies of rooms whose ids wait for the store. Over it they are known
// until the process ends.
const maxWrites = 1000

// turn is one message of a thread after the other.
type turn struct {
	held  chan struct{} // full while somebody has it
	users int
}

// NewThreads returns the threads of a store.
func NewThreads(s *store.Threads, log *zap.Logger) *Threads {
	t := &Threads{
		store: s, log: log, writes: make(chan store.Thread, maxWrites), back: make(chan cameBack, maxBack), turns: make(map[string]*turn),
		open: newShared[messageKey, map[string]*firstOf](maxMessages), firsts: newShared[messageKey, map[string]store.Thread](store.MaxThreads),
		coming: make(map[messageKey]bool), backOf: make(map[string]int),
	}
	for _, one := range s.All() {
		ref, err := message.ParseRef(one.Ref)
		if err != nil {
			continue
		}
		t.index(ref, one)
		if ref.Kind == message.Room && ref.StanzaID == "" {
			t.await(ref, &firstOf{thread: one, stored: true, echoed: make(chan struct{})})
		}
	}
	return t
}

// await notes a message whose copy will come. t.mu is held, or nobody else has t.
func (t *Threads) await(ref message.Ref, f *firstOf) {
	key := messageKey{ref.Peer, ref.ID}
	of, ok := t.open.get(key)
	if !ok {
		of = make(map[string]*firstOf)
		t.open.add(f.thread.Hook, key, of)
	}
	of[f.thread.Hook+"\x00"+f.thread.Key] = f
}

// take waits for the turn to write to a thread; done ends it. The first message is known
// before the second one is written. Errors: that of ctx.
func (t *Threads) take(ctx context.Context, hook, thread string) (done func(), err error) {
	if t == nil || thread == "" {
		return func() {}, nil
	}
	key := hook + "\x00" + thread
	t.mu.Lock()
	one := t.turns[key]
	if one == nil {
		one = &turn{held: make(chan struct{}, 1)}
		t.turns[key] = one
	}
	one.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(t.turns, key)
		}
	}
	select {
	case one.held <- struct{}{}:
		return func() { <-one.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// first returns the first message of a thread to a recipient, but not the message with an
// id: a delivery that is repeated has the id of its first attempt. For the room's copy of a
// message that was sent just now it waits a little.
func (t *Threads) first(ctx context.Context, hook, thread string, to jid.JID, id string) (message.Ref, bool) {
	if t == nil || thread == "" {
		return message.Ref{}, false
	}
	for waited := false; ; waited = true {
		one, ok := t.store.Get(hook, thread, to.String())
		if !ok {
			return message.Ref{}, false
		}
		ref, err := message.ParseRef(one.Ref)
		if err != nil || ref.ID == id {
			return message.Ref{}, false
		}
		if waited || ref.Kind != message.Room || ref.StanzaID != "" || time.Since(one.Time) > youngFirst || !t.awaitCopy(ctx, ref, hook+"\x00"+thread) {
			return ref, true
		}
	}
}

// awaitCopy waits until a room has sent back a message, and reports whether it has.
func (t *Threads) awaitCopy(ctx context.Context, ref message.Ref, name string) bool {
	t.mu.Lock()
	of, _ := t.open.get(messageKey{ref.Peer, ref.ID})
	f := of[name]
	t.mu.Unlock()
	if f == nil {
		return true // it came meanwhile
	}
	late := time.NewTimer(echoWait)
	defer late.Stop()
	select {
	case <-f.echoed:
		return true
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}

// begin notes that a message is being sent which may become the first of a thread: the room
// may send it back before it is known to be sent. end stores it, or forgets it if it was not
// sent.
func (t *Threads) begin(hook, thread string, to jid.JID, ref message.Ref) (end func(ctx context.Context, sent bool)) {
	if t == nil || thread == "" {
		return func(context.Context, bool) {}
	}
	f := &firstOf{thread: store.Thread{Hook: hook, Key: thread, To: to.String(), Ref: ref.String(), Time: time.Now().UTC()}, echoed: make(chan struct{})}
	t.mu.Lock()
	t.index(ref, f.thread)
	if ref.Kind == message.Room {
		t.await(ref, f)
	}
	t.mu.Unlock()
	return func(ctx context.Context, sent bool) {
		if !sent {
			t.drop(ref, f)
			return
		}
		for last := ""; ; { // the copy may come meanwhile
			t.mu.Lock()
			one := f.thread
			f.stored = one.Ref == last
			t.mu.Unlock()
			if one.Ref == last {
				return
			}
			t.put(ctx, one)
			last = one.Ref
		}
	}
}

// drop forgets a message that was not sent.
func (t *Threads) drop(ref message.Ref, f *firstOf) {
	key, name := messageKey{ref.Peer, ref.ID}, f.thread.Hook+"\x00"+f.thread.Key
	t.mu.Lock()
	defer t.mu.Unlock()
	if of, ok := t.open.get(key); ok && of[name] == f {
		if delete(of, name); len(of) == 0 {
			t.open.remove(key)
		}
	}
	if of, ok := t.firsts.get(keyOf(ref)); ok {
		if delete(of, name); len(of) == 0 {
			t.firsts.remove(keyOf(ref))
		}
	}
}

// put stores the first message of a thread.
//
// Killed before it is stored: the tool has no answer. If it repeats its request, the message
// is sent again with the same id, and stored; if not, the next state has a first message of
// its own.
func (t *Threads) put(ctx context.Context, one store.Thread) {
	if err := t.store.Put(ctx, one); err != nil {
		t.repeats.Warn(t.log, "thread of hook not stored", zap.String("hook", one.Hook), zap.Error(err), zap.String("hint", "the next state of the same thing is a message of its own"))
	}
}

// Echoed completes the first messages of threads with what a room gave to the copy that it
// has sent back. Call it for each message of ours. It does not wait.
//
// Killed before it is stored: when the room is joined again, its history has the message
// once more. Without a history, nothing can reply to this message.
func (t *Threads) Echoed(ref message.Ref) {
	key := messageKey{ref.Peer, ref.ID}
	t.mu.Lock()
	defer t.mu.Unlock()
	of, ok := t.open.get(key)
	if !ok {
		return
	}
	t.open.remove(key)
	for _, f := range of {
		if ref.StanzaID != "" {
			f.thread.Ref = ref.String()
			if f.stored && t.store.Know(f.thread) {
				select {
				case t.writes <- f.thread:
				default:
				}
			}
		}
		close(f.echoed)
	}
}

// Run stores what rooms have sent back, and removes what came back, until ctx is done.
func (t *Threads) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { each(ctx, t.writes, t.put) })
	wg.Go(func() { each(ctx, t.back, t.goneBack) })
	wg.Wait()
}

// each hands on what comes until ctx is done, and what has come by then.
func each[T any](ctx context.Context, all <-chan T, do func(context.Context, T)) {
	for {
		select {
		case one := <-all:
			do(context.WithoutCancel(ctx), one)
		case <-ctx.Done():
			for len(all) > 0 {
				do(context.WithoutCancel(ctx), <-all)
			}
			return
		}
	}
}

// Count returns how many threads a hook has.
func (t *Threads) Count(name string) int { return t.store.Count(name) }

// refer makes the content of a message that is a later state; ok is false if nobody could
// find the message that it refers to.
func refer(update string, first message.Ref, body string) (inner string, ok bool) {
	d := message.Draft{Does: message.Said}
	if update == hook.UpdateCorrect {
		d.Does = message.Correction
	}
	inner, w, err := d.Write(first, body, "")
	if err != nil || w.NoReply {
		return body, false
	}
	return inner, true
}
