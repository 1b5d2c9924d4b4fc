package component

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// maxPending bounds the table of requests that wait for their answer.
const maxPending = 10_000

type pendingKey struct {
	peer jid.JID
	id   string
}

// tracker matches the answers of IQs with the requests, by peer and id (RFC 6120
// section 8.2.3): an answer with the right id from another address does not count.
//
// Killed while a request waits: the HTTP caller's connection breaks.
type tracker struct {
	mu      sync.Mutex
	pending map[pendingKey]chan<- answered
}

type answered struct {
	stanza *stanza.Stanza
	err    error
}

func (t *tracker) init() { t.pending = make(map[pendingKey]chan<- answered) }

func (t *tracker) add(k pendingKey, ch chan<- answered) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) >= maxPending {
		return fmt.Errorf("%w: %d requests wait for their answers", gateway.ErrBusy, maxPending)
	}
	if _, taken := t.pending[k]; taken {
		return gateway.ErrSameID
	}
	t.pending[k] = ch
	return nil
}

// resolve passes an answer to its request, and reports whether one waited for it.
func (t *tracker) resolve(k pendingKey, a answered) bool {
	t.mu.Lock()
	ch, ok := t.pending[k]
	delete(t.pending, k)
	t.mu.Unlock()
	if ok {
		ch <- a // has room for one, and gets one
	}
	return ok
}

func (t *tracker) failAll(err error) {
	t.mu.Lock()
	pending := t.pending
	t.pending = make(map[pendingKey]chan<- answered)
	t.mu.Unlock()
	for _, ch := range pending {
		ch <- answered{err: err}
	}
}

// Request sends an IQ of type get or set and waits for its answer, which may be
// a result or an error stanza; both are returned as the stanza.
// Errors: gateway.ErrDown (no connection, or lost while waiting), gateway.ErrBusy,
// gateway.ErrSameID, and ctx's error.
func (l *Link) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	if err := l.Check(s); err != nil {
		return nil, err
	}
	ch := make(chan answered, 1)
	k := pendingKey{s.To, s.ID}
	if err := l.tracker.add(k, ch); err != nil {
		return nil, err
	}
	began := time.Now()
	err := l.Send(s, func(err error) {
		if err != nil {
			l.tracker.resolve(k, answered{err: err})
		}
	})
	if err != nil {
		l.tracker.resolve(k, answered{err: err})
	}
	var a answered
	select {
	case a = <-ch:
	case <-ctx.Done():
		l.tracker.resolve(k, answered{err: ctx.Err()})
		a = <-ch // ctx's error, or the answer that came in the same moment
	}
	if a.err == nil {
		l.Counters.Answered.Observe(time.Since(began))
	} else {
		l.Counters.Unanswered.Add(1)
	}
	return a.stanza, a.err
}
