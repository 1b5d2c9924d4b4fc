package account

import (
	"context"
	"errors"
	"sync"
	"time"

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

	mu     sync.Mutex
	lanes  map[jid.JID]*lane
	closed bool
	wg     sync.WaitGroup // timers that close sessions
}

// lane is one account's session, or the attempt to open it.
type lane struct {
	ready   chan struct{} // closed when the attempt has ended
	session *Session      // valid after ready; nil if it has failed
	err     error         // how
	users   int
	used    time.Time   // when the last one left
	timer   *time.Timer // closes it; set while there are no users
}

// NewPool returns a pool of at most max sessions, each of which is closed when
// it was not used for a while.
func NewPool(d Dialer, max int, idle time.Duration) *Pool {
	return &Pool{dialer: d, max: max, idle: idle, lanes: make(map[jid.JID]*lane)}
}

// Login verifies a password, as [Dialer.Verify] does. With keep the session is
// kept for Send, so that there is one login for both; an account that has a
// session is verified by another one.
func (p *Pool) Login(ctx context.Context, who jid.JID, password secret.String, keep bool) error {
	if keep {
		if l, mine, err := p.lane(who); err == nil && mine {
			p.open(ctx, l, who, password)
			p.release(who, l)
			return l.err
		} else if err == nil {
			p.release(who, l)
		}
	}
	return p.dialer.Verify(ctx, who, password)
}

// Send sends a message as an account, over its session, which it opens if there
// is none. Messages of an account keep their order. A message that a session
// took with it, unconfirmed, is sent once more, with the same id: it may
// arrive twice, rather than not at all.
//
// Errors: those of [Dialer.Dial] and [Session.Send], and ErrBusy when all
// sessions are in use.
func (p *Pool) Send(ctx context.Context, who jid.JID, password secret.String, m *stanza.Stanza) error {
	for try := 0; ; try++ {
		err := p.send(ctx, who, password, m)
		again := errors.Is(err, ErrClosed) || errors.Is(err, ErrUnconfirmed)
		if !again || try > 0 || ctx.Err() != nil {
			return err
		}
	}
}

func (p *Pool) send(ctx context.Context, who jid.JID, password secret.String, m *stanza.Stanza) error {
	l, mine, err := p.lane(who)
	if err != nil {
		return err
	}
	defer p.release(who, l)
	if mine {
		p.open(ctx, l, who, password)
	}
	select {
	case <-l.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if l.err != nil {
		return l.err
	}
	return l.session.Send(ctx, m)
}

// lane returns the account's lane with the caller counted as its user; mine
// says that it is new and the caller's to open.
func (p *Pool) lane(who jid.JID) (l *lane, mine bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, ErrClosed
	}
	l = p.lanes[who]
	if l == nil || l.over() {
		if l == nil && len(p.lanes) >= p.max && !p.evict() {
			return nil, false, ErrBusy
		}
		if l != nil && l.users == 0 {
			p.remove(who, l)
		}
		l, mine = &lane{ready: make(chan struct{})}, true
		p.lanes[who] = l
	}
	l.users++
	if l.timer != nil && l.timer.Stop() {
		p.wg.Done()
	}
	l.timer = nil
	return l, mine, nil
}

// opened reports whether the attempt to open it has ended well.
func (l *lane) opened() bool {
	select {
	case <-l.ready:
		return l.session != nil
	default:
		return false
	}
}

// over reports whether the lane is of no use any more.
func (l *lane) over() bool {
	if !l.opened() {
		select {
		case <-l.ready:
			return true
		default:
			return false
		}
	}
	select {
	case <-l.session.Ended():
		return true
	default:
		return false
	}
}

// evict makes room by closing the session that was unused for longest.
func (p *Pool) evict() bool {
	var oldest jid.JID
	for who, l := range p.lanes {
		if l.users == 0 && (oldest.IsZero() || l.used.Before(p.lanes[oldest].used)) {
			oldest = who
		}
	}
	if oldest.IsZero() {
		return false
	}
	p.remove(oldest, p.lanes[oldest])
	return true
}

// open opens the session of a new lane. Others wait for it too, so it does not
// end with the caller who happened to be first.
func (p *Pool) open(ctx context.Context, l *lane, who jid.JID, password secret.String) {
	l.session, l.err = p.dialer.Dial(context.WithoutCancel(ctx), who, password)
	close(l.ready)
}

// release takes back what lane counted.
func (p *Pool) release(who jid.JID, l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.users--
	l.used = time.Now()
	if l.users > 0 {
		return
	}
	if p.closed {
		if l.session != nil {
			l.session.end(ErrClosed) // Close waits no more
		}
		return
	}
	if p.lanes[who] != l || l.over() {
		p.remove(who, l)
		return
	}
	p.wg.Add(1)
	var t *time.Timer
	t = time.AfterFunc(p.idle, func() {
		defer p.wg.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		if l.timer == t { // else it has users again
			l.timer = nil
			p.remove(who, l)
		}
	})
	l.timer = t
}

// remove closes a lane that has no users, and forgets it.
func (p *Pool) remove(who jid.JID, l *lane) {
	if p.lanes[who] == l {
		delete(p.lanes, who)
	}
	if l.timer != nil && l.timer.Stop() {
		p.wg.Done()
	}
	l.timer = nil
	if l.session != nil {
		p.wg.Go(l.session.Close)
	}
}

// Open returns how many sessions are open or being opened.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lanes)
}

// Close ends all sessions. Messages under way lose theirs.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for who, l := range p.lanes {
		if l.users == 0 {
			p.remove(who, l)
		} else if l.opened() {
			p.wg.Go(l.session.Close)
		}
	}
	p.mu.Unlock()
	p.wg.Wait()
}
