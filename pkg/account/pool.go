package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
)

// Pool keeps the sessions of accounts open between messages: one per account.
// Its methods may be called from several goroutines.
type Pool struct {
	dialer Dialer
	max    int
	idle   time.Duration

	mu       sync.Mutex
	sessions map[jid.JID]*entry
	closed   bool
	wg       sync.WaitGroup // timers that close sessions
}

// entry is one account's session, or the attempt to open it.
type entry struct {
	ready   chan struct{} // closed when the attempt has ended
	session *Session      // valid after ready; nil if the attempt failed
	err     error         // of the attempt
	users   int
	used    time.Time   // when the last user left
	timer   *time.Timer // closes the session; set while there are no users
}

// NewPool returns a pool of at most max sessions. It closes a session that was not
// used for the duration idle.
func NewPool(d Dialer, max int, idle time.Duration) *Pool {
	return &Pool{dialer: d, max: max, idle: idle, sessions: make(map[jid.JID]*entry)}
}

// Login verifies a password, as [Dialer.Verify] does. With keep it keeps the
// session for Send, so that both need one login only. An account that already has
// a session is verified by a login of its own.
func (p *Pool) Login(ctx context.Context, who jid.JID, password secret.String, keep bool) error {
	if keep {
		if e, isNew, err := p.acquire(who); err == nil && isNew {
			p.open(ctx, e, who, password)
			p.release(who, e)
			return e.err
		} else if err == nil {
			p.release(who, e)
		}
	}
	return p.dialer.Verify(ctx, who, password)
}

// Send sends a message as an account, over its session, which it opens if there
// is none. Messages of an account keep their order. If the session ends before it
// confirms a message, Send sends the message once more with the same id: it may
// arrive twice, rather than not at all.
//
// Errors: those of [Dialer.Dial] and [Session.Send], and gateway.ErrBusy when all
// sessions are in use.
func (p *Pool) Send(ctx context.Context, who jid.JID, password secret.String, m *stanza.Stanza) error {
	for try := 0; ; try++ {
		err := p.send(ctx, who, password, m)
		again := errors.Is(err, gateway.ErrDown) || errors.Is(err, gateway.ErrUnconfirmed)
		if !again || try > 0 || ctx.Err() != nil {
			return err
		}
	}
}

func (p *Pool) send(ctx context.Context, who jid.JID, password secret.String, m *stanza.Stanza) error {
	e, isNew, err := p.acquire(who)
	if err != nil {
		return err
	}
	defer p.release(who, e)
	if isNew {
		p.open(ctx, e, who, password)
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if e.err != nil {
		return e.err
	}
	return e.session.Send(ctx, m)
}

// acquire returns the account's entry and counts the caller as a user of it. If
// isNew is set, the caller must open it.
func (p *Pool) acquire(who jid.JID) (e *entry, isNew bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, fmt.Errorf("%w: the sessions of accounts are closed", gateway.ErrDown)
	}
	e = p.sessions[who]
	if e == nil || e.over() {
		if e == nil && len(p.sessions) >= p.max && !p.evict() {
			return nil, false, fmt.Errorf("%w: %d sessions of accounts are in use", gateway.ErrBusy, p.max)
		}
		if e != nil && e.users == 0 {
			p.remove(who, e)
		}
		e, isNew = &entry{ready: make(chan struct{})}, true
		p.sessions[who] = e
	}
	e.users++
	if e.timer != nil && e.timer.Stop() {
		p.wg.Done()
	}
	e.timer = nil
	return e, isNew, nil
}

// opened reports whether the session was opened.
func (e *entry) opened() bool {
	select {
	case <-e.ready:
		return e.session != nil
	default:
		return false
	}
}

// over reports whether the session has ended or could not be opened.
func (e *entry) over() bool {
	select {
	case <-e.ready:
	default:
		return false
	}
	if e.session == nil {
		return true
	}
	select {
	case <-e.session.Ended():
		return true
	default:
		return false
	}
}

// evict closes the session that has been unused for the longest time.
func (p *Pool) evict() bool {
	var oldest jid.JID
	for who, e := range p.sessions {
		if e.users == 0 && (oldest.IsZero() || e.used.Before(p.sessions[oldest].used)) {
			oldest = who
		}
	}
	if oldest.IsZero() {
		return false
	}
	p.remove(oldest, p.sessions[oldest])
	return true
}

// open opens the session of a new entry. Other callers wait for it too, so it does
// not end with the caller that came first.
func (p *Pool) open(ctx context.Context, e *entry, who jid.JID, password secret.String) {
	e.session, e.err = p.dialer.Dial(context.WithoutCancel(ctx), who, password)
	close(e.ready)
}

// release undoes acquire.
func (p *Pool) release(who jid.JID, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	e.used = time.Now()
	if e.users > 0 {
		return
	}
	if p.closed {
		if e.session != nil {
			e.session.end(errors.New("closed")) // Close does not wait for it
		}
		return
	}
	if p.sessions[who] != e || e.over() {
		p.remove(who, e)
		return
	}
	p.wg.Add(1)
	var t *time.Timer
	t = time.AfterFunc(p.idle, func() {
		defer p.wg.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.timer == t { // otherwise it has users again
			e.timer = nil
			p.remove(who, e)
		}
	})
	e.timer = t
}

// remove closes an entry that has no users, and forgets it.
func (p *Pool) remove(who jid.JID, e *entry) {
	if p.sessions[who] == e {
		delete(p.sessions, who)
	}
	if e.timer != nil && e.timer.Stop() {
		p.wg.Done()
	}
	e.timer = nil
	if e.session != nil {
		p.wg.Go(e.session.Close)
	}
}

// Open returns how many sessions are open or opening.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sessions)
}

// Close ends all sessions, also those that are in use.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for who, e := range p.sessions {
		if e.users == 0 {
			p.remove(who, e)
		} else if e.opened() {
			p.wg.Go(e.session.Close)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}
