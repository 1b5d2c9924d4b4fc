package httpapi

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

const (
	// pairFailures is how many wrong passwords a minute one address may try for one
	// name, and nameFailures how many all addresses together may for one name, and
	// one address for all names.
	pairFailures = 5
	nameFailures = 50
	failWindow   = time.Minute
	maxFailing   = 10_000 // pairs, and as many names, and addresses
	// knownKeep is how long an address is known after a right password, and
	// knownAddresses how many of one name are.
	knownKeep      = 24 * time.Hour
	knownAddresses = 1000
	maxKnown       = 50_000 // of all names
)

// Failures limits the guessing of passwords: by name and address together, and by
// each alone. An address from which a name has logged in before is not kept out by
// what others try, so nobody can lock an account out for those who use it. The
// zero Failures is ready to use; surfaces of which one takes the place of the other
// share one.
//
// All tables are bounded. When one is full, the key with the fewest failures goes,
// so nobody can push out what is known of others by trying many names.
type Failures struct {
	mu      sync.Mutex
	pairs   tally
	names   tally
	nets    tally
	known   known
	refused int64
}

// Begin reports how long to wait until a password may be tried; 0 means that it may
// be, and that End must be called. Tries under way count as if they failed, so that
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

// Wait is Begin for who only wants to know.
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

// PasswordOutcome is what came of a password that was tried.
type PasswordOutcome int

// The outcomes. Where nobody could be asked, it is Untold.
const (
	Untold PasswordOutcome = iota
	Wrong
	Right
)

// End notes what came of a try.
func (f *Failures) End(name, address string, o PasswordOutcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.pairs.end(pairOf(name, address))
	f.names.end(keyOf(name))
	f.note(name, address, o, now)
}

// Note is End for a try that took no time, without Begin.
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

// FailureCounts is how full the tables are.
type FailureCounts struct {
	Pairs, Names, Addresses, Known int
	Refused                        int64 // tries that were not made
}

// Counts returns how full the tables are.
func (f *Failures) Counts() FailureCounts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return FailureCounts{len(f.pairs.all), len(f.names.all), len(f.nets.all), f.known.size, f.refused}
}

// pairOf is the key of a name and an address. No address holds a NUL.
func pairOf(name, address string) string { return address + "\x00" + keyOf(name) }

// keyOf is a name, or what stands for a long one.
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
	// by has the keys with so many failures and tries, those that were used longest
	// ago first; more than its last index counts as that.
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

// of returns what is known of a key, and makes room for it.
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

// evict forgets one key: one whose failures are over, else one with the fewest.
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

// moved puts a key where its count says.
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
	if f := t.all[key]; f != nil && f.trying > 0 { // else it was forgotten meanwhile
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
		return time.Second // those under way will tell
	}
	return 0
}

// known are the addresses from which names have logged in.
type known struct {
	of   map[string]*knownOf
	used list.List // of *knownOf, those that logged in longest ago first
	size int
}

type knownOf struct {
	name  string
	place *list.Element
	at    map[string]time.Time
	order list.List // of addresses, the oldest first
	in    map[string]*list.Element
}

func (k *known) has(name, address string, now time.Time) bool {
	o := k.of[name]
	if o == nil {
		return false
	}
	at, ok := o.at[address]
	return ok && now.Sub(at) < knownKeep
}

func (k *known) add(name, address string, now time.Time) {
	o := k.of[name]
	if o == nil {
		if k.of == nil {
			k.of = make(map[string]*knownOf)
		}
		o = &knownOf{name: name, at: make(map[string]time.Time), in: make(map[string]*list.Element)}
		o.place = k.used.PushBack(o)
		k.of[name] = o
	}
	k.used.MoveToBack(o.place)
	if e := o.in[address]; e != nil {
		o.order.MoveToBack(e)
	} else {
		o.in[address] = o.order.PushBack(address)
		k.size++
	}
	o.at[address] = now
	for len(o.at) > knownAddresses {
		k.drop(o)
	}
	for k.size > maxKnown { // who has many gives, then who logged in longest ago
		if len(o.at) > maxKnown/maxFailing {
			k.drop(o)
		} else {
			k.drop(k.used.Front().Value.(*knownOf))
		}
	}
}

// drop forgets the oldest address of a name.
func (k *known) drop(o *knownOf) {
	e := o.order.Front()
	address := o.order.Remove(e).(string)
	delete(o.at, address)
	delete(o.in, address)
	k.size--
	if len(o.at) == 0 {
		k.used.Remove(o.place)
		delete(k.of, o.name)
	}
}
