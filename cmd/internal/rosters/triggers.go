package rosters

import (
	"context"
	"sync"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/roster"
)

// triggers refresh rosters at logins and in intervals.
type triggers struct {
	mu    sync.RWMutex
	begun bool
	ended bool
	hosts map[string]*trigger
	wg    sync.WaitGroup
}

// trigger refreshes the rosters of one host.
type trigger struct {
	host     *roster.Syncer
	logins   *roster.Logins // nil: logins do not count
	interval time.Duration  // 0: none
	stop     context.CancelFunc
}

// onLogin is privilege.Keeper.Presence.
func (t *triggers) onLogin(from jid.JID, available, repeated bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if one := t.hosts[from.Domain()]; one != nil && one.logins != nil {
		one.logins.Presence(from, available, repeated)
	}
}

// set replaces the triggers of a host. The known logins of its users stay where logins
// count before and after.
func (t *triggers) set(h *roster.Syncer, logins bool, interval time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.hosts[h.Domain]
	if old != nil && old.host == h && (old.logins != nil) == logins && old.interval == interval {
		return
	}
	next := &trigger{host: h, interval: interval, stop: func() {}}
	if logins {
		if next.logins = roster.NewLogins(h, h.Log); old != nil && old.logins != nil {
			next.logins = old.logins
		}
	}
	if old != nil {
		old.stop()
	}
	if t.hosts == nil {
		t.hosts = make(map[string]*trigger)
	}
	t.hosts[h.Domain] = next
	if t.begun && !t.ended {
		t.start(next)
	}
}

// remove ends the triggers of a host.
func (t *triggers) remove(domain string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old := t.hosts[domain]; old != nil {
		old.stop()
		delete(t.hosts, domain)
	}
}

// start starts a trigger; t.mu is held.
func (t *triggers) start(one *trigger) {
	var run context.Context
	run, one.stop = context.WithCancel(context.Background())
	if one.logins != nil {
		t.wg.Go(func() { one.logins.Run(run) })
	}
	if one.interval > 0 {
		t.wg.Go(func() { one.host.Every(run, one.interval) })
	}
}

// begin starts all triggers, and those that are set later.
func (t *triggers) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = true
	for _, one := range t.hosts {
		t.start(one)
	}
}

// end stops all triggers, and waits for them.
func (t *triggers) end() {
	t.mu.Lock()
	t.ended = true
	for _, one := range t.hosts {
		one.stop()
	}
	t.mu.Unlock()
	t.wg.Wait()
}
