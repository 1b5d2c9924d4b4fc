package roster

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/loglimit"
)

const (
	// quiet is how long a refresh waits after a login for more logins of the same
	// user.
	quiet = 500 * time.Millisecond
	// again is how long after a login another available presence of the same full
	// address does not count as a login. A server may not report that a client
	// left (ejabberd does not if the client sent no unavailable presence), so a
	// later available presence may be a new login or only a new status.
	again = 5 * time.Minute
	// maxOnline bounds the addresses known to be online. Over the bound the oldest
	// are forgotten, and their next presence counts as a login.
	maxOnline = 100_000
	// maxLogins bounds the waiting refreshes.
	maxLogins = 10_000
	// loginWorkers is how many of them run at a time.
	loginWorkers = 4
)

// Logins refreshes the roster of each user who comes online, if the server shows
// the component the presence of its users (XEP-0356 section 7).
//
// Presence that the server repeats when the component connects has a delay
// (XEP-0203) and is not a login. A user who came online while there was no
// connection is refreshed at the next login.
//
// Killed while a login waits: the login is forgotten.
type Logins struct {
	Syncer *Syncer
	Log    *zap.Logger

	repeats loglimit.Limiter

	mu      sync.Mutex
	online  *lru.Cache[jid.JID, time.Time] // full address -> time of its login
	waiting map[jid.JID]bool               // bare addresses in the queue
	queue   chan login
}

type login struct {
	owner jid.JID
	due   time.Time
}

// Presence handles a presence of a user of the host. It does not wait.
func (l *Logins) Presence(from jid.JID, available, repeated bool) {
	now := l.Syncer.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !available {
		l.online.Remove(from)
		return
	}
	if last, known := l.online.Get(from); known && now.Sub(last) < again {
		return
	}
	l.online.Add(from, now)
	if owner := from.Bare(); !repeated && !l.waiting[owner] {
		select {
		case l.queue <- login{owner, now.Add(quiet)}:
			l.waiting[owner] = true
		default:
			l.repeats.Warn(l.Log, "roster refresh skipped", zap.String("reason", "too many logins at once"), zap.Stringer("owner", owner))
		}
	}
}

// NewLogins returns the Logins of a host.
func NewLogins(h *Syncer, log *zap.Logger) *Logins {
	online, _ := lru.New[jid.JID, time.Time](maxOnline) // fails for a bound below 1
	return &Logins{Syncer: h, Log: log, online: online, waiting: make(map[jid.JID]bool), queue: make(chan login, maxLogins)}
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
		case <-time.After(next.due.Sub(l.Syncer.Now())):
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		delete(l.waiting, next.owner)
		l.mu.Unlock()
		if _, err := l.Syncer.Refresh(ctx, next.owner, false); err != nil && ctx.Err() == nil && !errors.Is(err, gateway.ErrStopping) {
			l.repeats.Warn(l.Log, "roster refresh failed", zap.String("trigger", "login"), zap.Stringer("owner", next.owner), zap.Error(err))
		}
	}
}
