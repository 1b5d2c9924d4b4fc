package httpapi

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// pairFailures bounds the wrong passwords a minute from one address for one name;
	// nameFailures those from all addresses for one name, and from one address for all
	// names.
	pairFailures = 5
	nameFailures = 50
	failWindow   = time.Minute
	maxFailing   = 10_000 // pairs, and as many names, and addresses
	// knownKeep is how long an address is known after a right password, and
	// knownAddresses bounds the addresses of one name.
	knownKeep      = 24 * time.Hour
	knownAddresses = 1000
	maxKnown       = 50_000 // of all names
)

// Failures limits the guessing of passwords: by name and address together, and by
// each alone. What others try does not keep out an address from which the name has
// logged in, so nobody can lock an account out for those who use it. The zero Failures
// is ready to use; the APIs of two configurations share one.
//
// All tables are bounded. A full table evicts the key with the fewest failures, so
// nobody can push out the failures of others by trying many names.
type Failures struct {
	mu      sync.Mutex
	pairs   tally
	names   tally
	nets    tally
	known   known
	refused int64
}

// Begin reports how long to wait until a password may be tried; 0 means that it may be
// tried now, and that End must follow. Tries in progress count as failures, so that
// there are never more than the bounds. address is that of [ClientNetwork].
func (f *Failures) Begin(name, address string) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if wait := f.wait(name, address, now); wait > 0 {
		f.refused++
		return wait
	}
	f.pairs.begin(pairOf(name, address), now)
	f.names.begin(keyOf(name), now)
	// Tries do not count for the address: many may log in from behind one.
	return 0
}

// Wait is Begin without a try.
func (f *Failures) Wait(name, address string) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait := f.wait(name, address, time.Now())
	if wait > 0 {
		f.refused++
	}
	return wait
}

func (f *Failures) wait(name, address string, now time.Time) time.Duration {
	wait := f.pairs.wait(pairOf(name, address), pairFailures, now)
	if !f.known.has(keyOf(name), address, now) {
		wait = max(wait, f.names.wait(keyOf(name), nameFailures, now), f.nets.wait(address, nameFailures, now))
	}
	return wait
}

// PasswordOutcome is the outcome of a try.
type PasswordOutcome int

// The outcomes. Unknown means that the server was not reached.
const (
	Unknown PasswordOutcome = iota
	Wrong
	Right
)

// End records the outcome of a try.
func (f *Failures) End(name, address string, o PasswordOutcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.pairs.end(pairOf(name, address))
	f.names.end(keyOf(name))
	f.note(name, address, o, now)
}

// Note records the outcome of a try without Begin.
func (f *Failures) Note(name, address string, o PasswordOutcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(name, address, o, time.Now())
}

func (f *Failures) note(name, address string, o PasswordOutcome, now time.Time) {
	switch o {
	case Wrong:
		f.pairs.fail(pairOf(name, address), now)
		f.names.fail(keyOf(name), now)
		f.nets.fail(address, now)
	case Right:
		f.known.add(keyOf(name), address, now)
	}
}

// FailureCounts are the sizes of the tables.
type FailureCounts struct {
	Pairs, Names, Addresses, Known int
	Refused                        int64 // tries that were refused
}

// Counts returns the sizes of the tables.
func (f *Failures) Counts() FailureCounts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return FailureCounts{len(f.pairs.all), len(f.names.all), len(f.nets.all), f.known.size, f.refused}
}

// pairOf is the key of a name and an address. No address has a NUL.
func pairOf(name, address string) string { return address + "\x00" + keyOf(name) }

// keyOf is a name, or the hash of a long one.
func keyOf(name string) string {
	if len(name) <= 2*sha256.Size {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// tally holds the failures of the last minute of each key.
type tally struct {
	all map[string]*failing
	// by has the keys by their number of failures and tries, the least recently used
	// first; larger numbers are at the last index.
	by [nameFailures + 1]list.List
}

type failing struct {
	key    string
	trying int
	at     []time.Time // oldest first
	in     int         // index of tally.by
	place  *list.Element
}

func (f *failing) expire(now time.Time) {
	for len(f.at) > 0 && now.Sub(f.at[0]) >= failWindow {
		f.at = f.at[1:]
	}
}

// of returns the failures of a key, and makes room for them.
func (t *tally) of(key string, now time.Time) *failing {
	f := t.all[key]
	if f == nil {
		if t.all == nil {
			t.all = make(map[string]*failing)
		}
		if len(t.all) >= maxFailing {
			t.evict(now)
		}
		f = &failing{key: key}
		t.all[key] = f
	}
	f.expire(now)
	return f
}

// evict removes a key: one whose failures have expired, else one with the fewest.
func (t *tally) evict(now time.Time) {
	var least *failing
	for i := range t.by {
		e := t.by[i].Front()
		if e == nil {
			continue
		}
		f := e.Value.(*failing)
		f.expire(now)
		if len(f.at)+f.trying == 0 {
			least = f
			break
		}
		if least == nil {
			least = f
		}
	}
	t.forget(least)
}

func (t *tally) forget(f *failing) {
	if f.place != nil {
		t.by[f.in].Remove(f.place)
	}
	delete(t.all, f.key)
}

// moved puts a key where its number says.
func (t *tally) moved(f *failing) {
	if f.place != nil {
		t.by[f.in].Remove(f.place)
	}
	n := len(f.at) + f.trying
	if n == 0 {
		delete(t.all, f.key)
		return
	}
	f.in = min(n, len(t.by)-1)
	f.place = t.by[f.in].PushBack(f)
}

func (t *tally) begin(key string, now time.Time) {
	f := t.of(key, now)
	f.trying++
	t.moved(f)
}

func (t *tally) end(key string) {
	if f := t.all[key]; f != nil && f.trying > 0 { // else it was evicted meanwhile
		f.trying--
		t.moved(f)
	}
}

func (t *tally) fail(key string, now time.Time) {
	f := t.of(key, now)
	if f.at = append(f.at, now); len(f.at) > nameFailures {
		f.at = f.at[1:]
	}
	t.moved(f)
}

// wait returns how long a key must wait for its next try.
func (t *tally) wait(key string, most int, now time.Time) time.Duration {
	f := t.all[key]
	if f == nil {
		return 0
	}
	f.expire(now)
	switch {
	case len(f.at) >= most:
		return f.at[len(f.at)-most].Add(failWindow).Sub(now)
	case len(f.at)+f.trying >= most:
		return time.Second // the tries in progress will end
	}
	return 0
}

// known are the addresses from which names have logged in.
type known struct {
	names *simplelru.LRU[string, *simplelru.LRU[string, time.Time]]
	size  int // addresses of all names
}

func (k *known) has(name, address string, now time.Time) bool {
	if k.names == nil {
		return false
	}
	addresses, ok := k.names.Peek(name)
	if !ok {
		return false
	}
	at, ok := addresses.Peek(address)
	return ok && now.Sub(at) < knownKeep
}

func (k *known) add(name, address string, now time.Time) {
	if k.names == nil {
		k.names, _ = simplelru.NewLRU[string, *simplelru.LRU[string, time.Time]](maxKnown+1, nil) // never full, as each has an address
	}
	addresses, ok := k.names.Get(name)
	if !ok {
		addresses, _ = simplelru.NewLRU[string, time.Time](knownAddresses, nil)
		k.names.Add(name, addresses)
	}
	k.size -= addresses.Len()
	addresses.Add(address, now)
	k.size += addresses.Len()
	for k.size > maxKnown { // a name with many addresses loses one, else the name that logged in longest ago
		if addresses.Len() <= maxKnown/maxFailing {
			name, addresses, _ = k.names.GetOldest()
		}
		addresses.RemoveOldest()
		k.size--
		if addresses.Len() == 0 {
			k.names.Remove(name)
		}
	}
}
