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
	pending map[pendingKey]*waiting
}

// waiting is a request that waits for its answers. Its channel has room for all that it
// can get.
type waiting struct {
	answers chan answered
	left    int  // answers that may still come
	some    bool // one has come
	handled bool // the server has handled the request: what has not come is not expected
}

// answered is an answer, or why there are no more.
type answered struct {
	stanza *stanza.Stanza
	err    error
	last   bool
}

func (t *tracker) init() { t.pending = make(map[pendingKey]*waiting) }

// add expects up to n answers.
func (t *tracker) add(k pendingKey, n int) (<-chan answered, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) >= maxPending {
		return nil, fmt.Errorf("%w: %d requests wait for their answers", gateway.ErrBusy, maxPending)
	}
	if _, taken := t.pending[k]; taken {
		return nil, gateway.ErrSameID
	}
	w := &waiting{answers: make(chan answered, n), left: n}
	t.pending[k] = w
	return w.answers, nil
}

// resolve passes an answer to its request, and reports whether one waited for it.
func (t *tracker) resolve(k pendingKey, a answered) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.pending[k]
	if !ok {
		return false
	}
	w.left--
	w.some = true
	if a.last = a.err != nil || w.left == 0 || w.handled; a.last {
		delete(t.pending, k)
	}
	w.answers <- a
	return true
}

// handled notes that the server has handled a request. It ends one that has got an
// answer; another gets one more, since a server may answer later.
func (t *tracker) handled(k pendingKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.pending[k]
	if !ok {
		return
	}
	w.handled = true
	if w.some {
		delete(t.pending, k)
		w.answers <- answered{last: true}
	}
}

func (t *tracker) failAll(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.pending {
		w.answers <- answered{err: err, last: true}
	}
	t.pending = make(map[pendingKey]*waiting)
}

// Request sends an IQ of type get or set and waits for its answer, which may be
// a result or an error stanza; both are returned as the stanza.
// Errors: gateway.ErrDown (no connection, or lost while waiting), gateway.ErrBusy,
// gateway.ErrSameID, and ctx's error.
func (l *Link) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	answers, err := l.RequestEach(ctx, s, 1)
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

// RequestEach is Request for an IQ with n things in it, which the server may answer one
// by one, with the same id, in their order. It returns the answers that had come when the
// server had handled the IQ: n, or fewer if the server answers otherwise, but at least
// one. With an error it returns those that had come before it.
func (l *Link) RequestEach(ctx context.Context, s *stanza.Stanza, n int) ([]*stanza.Stanza, error) {
	if err := l.Check(s); err != nil {
		return nil, err
	}
	k := pendingKey{s.To, s.ID}
	answers, err := l.tracker.add(k, n)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = l.Send(s, func(err error) {
		if err != nil {
			l.tracker.resolve(k, answered{err: err})
		} else {
			l.tracker.handled(k) // its answers came before the marker behind it
		}
	})
	if err != nil {
		l.tracker.resolve(k, answered{err: err})
	}
	var all []*stanza.Stanza
	for {
		var a answered
		select {
		case a = <-answers:
		case <-ctx.Done():
			l.tracker.resolve(k, answered{err: ctx.Err()})
			a = <-answers // ctx's error, or an answer that came in the same moment
		}
		if a.stanza != nil {
			all = append(all, a.stanza)
		}
		if !a.last {
			continue
		}
		if a.err == nil {
			l.Counters.Answered.Observe(time.Since(began))
		} else {
			l.Counters.Unanswered.Add(1)
		}
		return all, a.err
	}
}
