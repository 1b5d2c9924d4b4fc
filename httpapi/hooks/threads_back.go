package hooks

import (
	"context"
	"maps"
	"slices"

	"go.uber.org/zap"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// maxBack bounds the messages that came back and wait for their threads; those of one hook are at
// most half of them. Over it a thread keeps its first message, to which later states refer though
// nobody has it.
const maxBack = 1000

// Back is the use of these places.
type Back struct {
	Waiting       int
	ByShare, Full int64 // without a place: the hook had its share, all were taken
}

// Back returns it.
func (t *Threads) Back() Back {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.unplaced
	b.Waiting = len(t.coming)
	return b
}

// cameBack is a message of a hook that came back.
type cameBack struct {
	messageKey
	hook string
}

// keyOf is the key of a message in the tables.
func keyOf(ref message.Ref) messageKey { return messageKey{ref.Peer.Bare(), ref.ID} }

// index notes a thread by its first message. t.mu is held, or nobody else has t.
func (t *Threads) index(ref message.Ref, one store.Thread) {
	key := keyOf(ref)
	of, _ := t.firsts.get(key)
	if of == nil {
		of = make(map[string]store.Thread)
	}
	t.firsts.add(one.Hook, key, of) // as the newest
	of[one.Hook+"\x00"+one.Key] = one
}

// Bounced says that a message of a hook came back: no later state refers to it any more. It
// does not wait; see Failed.
//
// Killed before Run has removed it: later states refer to a message that nobody has.
func (t *Threads) Bounced(s *stanza.Stanza) {
	hook, first, taken := t.comesBack(messageKey{s.From.Bare(), s.ID})
	if first && !taken {
		t.repeats.Warn(t.log, "thread of hook not removed", zap.String("hook", hook), zap.String("hint", "too many messages of hooks come back; later states refer to one that nobody has"))
	}
}

// comesBack hands on the message with a key, if it is the first one of threads.
func (t *Threads) comesBack(key messageKey) (hook string, first, taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	of, first := t.firsts.get(key)
	for _, one := range of {
		hook = one.Hook
	}
	switch {
	case !first || t.coming[key]: // a recipient may send the error as often as it wants
		return hook, first, true
	case t.backOf[hook] >= maxBack/2:
		t.unplaced.ByShare++
		return hook, true, false
	}
	select {
	case t.back <- cameBack{key, hook}:
		t.coming[key] = true
		t.backOf[hook]++
		return hook, true, true
	default:
		t.unplaced.Full++
		return hook, true, false
	}
}

// goneBack is failed for a message of Bounced.
func (t *Threads) goneBack(ctx context.Context, one cameBack) {
	t.failed(ctx, one.messageKey)
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.coming, one.messageKey)
	if t.backOf[one.hook]--; t.backOf[one.hook] == 0 {
		delete(t.backOf, one.hook)
	}
}

// Failed removes a message that could not be sent, after all, from the threads whose first
// message it is. It waits for messages of these threads that are being sent, and for the store.
//
// Killed before it returns: a later state may correct a message that nobody has, which clients
// show as a new one; none replies to it.
func (t *Threads) Failed(ctx context.Context, s *stanza.Stanza) {
	t.failed(ctx, messageKey{s.To.Bare(), s.ID})
}

func (t *Threads) failed(ctx context.Context, key messageKey) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	t.mu.Lock()
	of, _ := t.firsts.get(key)
	threads := slices.Collect(maps.Values(of))
	t.mu.Unlock()
	for _, one := range threads {
		done, err := t.take(ctx, one.Hook, one.Key)
		if err != nil {
			done = func() {}
		}
		if err := t.store.Forget(ctx, one); err != nil {
			t.repeats.Warn(t.log, "thread of hook not removed", zap.String("hook", one.Hook), zap.Error(err), zap.String("hint", "after a restart, later states may refer to a message that nobody has"))
		}
		done()
	}
	t.mu.Lock()
	t.open.remove(key)
	t.firsts.remove(key)
	t.mu.Unlock()
}
