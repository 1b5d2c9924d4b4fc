package roster

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
)

// What a login is, and how often one counts.
const (
	// quiet is how long after a login its refresh waits for others of the same
	// user.
	quiet = 500 * time.Millisecond
	// again is how long after a login another available presence of the same
	// full address is taken for one. A server may not tell that a client went
	// away (ejabberd does not if the client did not say so itself), so a second
	// available presence may be a new login, or only a new status.
	again = 5 * time.Minute
	// maxOnline bounds the addresses that are known to be online. Beyond it the
	// oldest are forgotten, whose next presence then counts as a login.
	maxOnline = 100_000
	// maxLogins bounds the refreshes that wait.
	maxLogins = 10_000
	// loginWorkers is how many of them are done at a time.
	loginWorkers = 4
)

// Logins refresh the roster of a user who comes online, as far as the server
// tells the component of it (presence of managed users, XEP-0356 section 7).
//
// Presence that the server repeats when the component connects is no login: it
// has a delay (XEP-0203). Who came online while there was no connection is
// refreshed at his next login.
//
// Killed while a login waits: it is forgotten.
type Logins struct {
	Host *Host
	Log  *zap.Logger

	repeats loglimit.Limiter

	mu      sync.Mutex
	online  map[jid.JID]time.Time // full address -> when its login was
	waiting map[jid.JID]bool      // bare addresses in the queue
	queue   chan login
}

type login struct {
	owner jid.JID
	due   time.Time
}

// Presence takes presence of a user of the host. It does not wait.
func (l *Logins) Presence(from jid.JID, available, repeated bool) {
	now := l.Host.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.online == nil {
		l.online = make(map[jid.JID]time.Time)
	}
	if !available {
		delete(l.online, from)
		return
	}
	last, known := l.online[from]
	if known && now.Sub(last) < again {
		return
	}
	if len(l.online) >= maxOnline && !known {
		l.forget(now)
	}
	l.online[from] = now
	if owner := from.Bare(); !repeated && !l.waiting[owner] {
		select {
		case l.queue <- login{owner, now.Add(quiet)}:
			l.waiting[owner] = true
		default:
			l.repeats.Warn(l.Log, "too many users come online at once; a roster is not refreshed now", zap.Stringer("owner", owner))
		}
	}
}

// forget makes room for new addresses.
func (l *Logins) forget(now time.Time) {
	for from, at := range l.online {
		if now.Sub(at) >= again {
			delete(l.online, from)
		}
	}
	for from := range l.online {
		if len(l.online) < maxOnline/2 {
			return
		}
		delete(l.online, from)
	}
}

// NewLogins returns what takes the logins of a host's users.
func NewLogins(h *Host, log *zap.Logger) *Logins {
	return &Logins{Host: h, Log: log, waiting: make(map[jid.JID]bool), queue: make(chan login, maxLogins)}
}

// Run refreshes until ctx is done.
func (l *Logins) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range loginWorkers {
		wg.Go(func() { l.work(ctx) })
	}
	wg.Wait()
}

func (l *Logins) work(ctx context.Context) {
	for {
		var next login
		select {
		case next = <-l.queue:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(next.due.Sub(l.Host.Now())):
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		delete(l.waiting, next.owner)
		l.mu.Unlock()
		if _, err := l.Host.Refresh(ctx, next.owner, false); err != nil && ctx.Err() == nil && !errors.Is(err, ErrStopped) {
			l.repeats.Warn(l.Log, "a roster cannot be refreshed at the login of its owner", zap.Stringer("owner", next.owner), zap.Error(err))
		}
	}
}
