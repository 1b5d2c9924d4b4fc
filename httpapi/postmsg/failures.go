package postmsg

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

const (
	maxFailures = 5
	failWindow  = time.Minute
	maxFailing  = 10_000 // accounts, and as many addresses
)

// failures counts logins that failed, by account and by address.
type failures struct {
	mu        sync.Mutex
	accounts  *tally
	addresses *tally
}

func newFailures() *failures { return &failures{accounts: newTally(), addresses: newTally()} }

// begin reports how long to wait until a login may be tried; 0 means that it may
// be, and that end must be called. Logins under way count for the account as if
// they failed, so that there are never more than the bound. They do not count
// for the address: many accounts may be behind one.
func (f *failures) begin(account, address string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if wait := max(f.accounts.wait(account, now, true), f.addresses.wait(address, now, false)); wait > 0 {
		return wait
	}
	f.accounts.of(account).trying++
	return 0
}

// end notes how a login ended.
func (f *failures) end(account, address string, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.accounts.of(account); a.trying > 0 { // else it was forgotten meanwhile
		a.trying--
	}
	if failed {
		now := time.Now()
		f.accounts.fail(account, now)
		f.addresses.fail(address, now)
	}
}

// tally holds the last failures of each key. Its size is bounded; the key that
// was used longest ago goes first.
type tally struct {
	order *list.List // of *failing, the longest unused first
	all   map[string]*list.Element
}

type failing struct {
	key    string
	trying int
	at     []time.Time // the last failures, at most maxFailures
}

func newTally() *tally { return &tally{order: list.New(), all: make(map[string]*list.Element)} }

// of returns what is known of a key, and makes room for it.
func (t *tally) of(key string) *failing {
	if e := t.all[key]; e != nil {
		t.order.MoveToBack(e)
		return e.Value.(*failing)
	}
	if len(t.all) >= maxFailing {
		oldest := t.order.Front()
		t.order.Remove(oldest)
		delete(t.all, oldest.Value.(*failing).key)
	}
	f := &failing{key: key}
	t.all[key] = t.order.PushBack(f)
	return f
}

func (t *tally) fail(key string, now time.Time) {
	f := t.of(key)
	f.at = append(f.at, now)
	if len(f.at) > maxFailures {
		f.at = f.at[1:]
	}
}

// wait returns how long a key must wait for its next try.
func (t *tally) wait(key string, now time.Time, countTrying bool) time.Duration {
	e := t.all[key]
	if e == nil {
		return 0
	}
	f := e.Value.(*failing)
	for len(f.at) > 0 && now.Sub(f.at[0]) >= failWindow {
		f.at = f.at[1:]
	}
	switch {
	case len(f.at) >= maxFailures:
		return f.at[len(f.at)-maxFailures].Add(failWindow).Sub(now)
	case countTrying && len(f.at)+f.trying >= maxFailures:
		return time.Second // those under way will tell
	}
	return 0
}

// network is the key of an address. Who has one IPv6 address has all of its
// /64 (RFC 6177), so they count as one.
func network(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
