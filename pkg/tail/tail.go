package tail

import (
	"math"
	"sync"
	"time"
)

const (
	// Kept is how many events a reader that begins, or falls behind, can still get.
	Kept = 1000
	// remembered is how many are in the ring: the older ones tell only how many of them a
	// filter would have shown.
	remembered = 2 * 1024
	// never is an id that no event reaches.
	never = math.MaxUint64
)

// Tail keeps the latest events and shows them to readers. Its methods may be called from
// several goroutines.
type Tail struct {
	public func(string) string
	began  time.Time
	first  uint64 // the id of the first event: the microsecond in which the process began

	// mu is held for moments only, as those who add events wait for it.
	mu      sync.Mutex
	slots   [remembered]slot
	head    uint64 // the id of the last event; first-1: there was none
	wakeAt  uint64 // the smallest head that a reader waits for
	behind  uint64 // the smallest position of a reader with a filter
	places  places
	readers []*Reader
	closed  bool
	lost    uint64

	encoding sync.Mutex // guards frames; taken before mu
	frames   []frame    // of the events that were shown; nil without a reader
}

// New returns an empty tail. public returns a reason without what an endpoint has
// written in it, for limited readers.
func New(public func(reason string) string) *Tail {
	now := time.Now()
	t := &Tail{public: public, began: now, first: uint64(now.UnixMicro()), wakeAt: never, behind: never}
	t.head = t.first - 1
	return t
}

// Close ends all readers with [gateway.ErrStopping], and lets no other begin.
func (t *Tail) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for _, r := range t.readers {
		r.rouse()
	}
}

// Counts are for metrics.
type Counts struct {
	Readers int
	Events  uint64 // since the start of the process
	Lost    uint64 // that readers did not get
	Refused uint64 // readers without a place
}

// Counts returns how much there is.
func (t *Tail) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{Readers: len(t.readers), Events: t.head + 1 - t.first, Lost: t.lost, Refused: t.places.refused}
}

// next returns the slot of the next event, empty; t.mu is held. Call added when it is
// filled.
func (t *Tail) next(kind Kind, at time.Time) *slot {
	id := t.head + 1
	s := &t.slots[id%remembered]
	if s.id >= t.behind {
		t.overwrite(s)
	}
	s.id, s.kind, s.at = id, kind, at.UnixMicro()
	return s
}

// added makes the event of next visible; t.mu is held.
func (t *Tail) added() {
	t.head++
	if t.head >= t.wakeAt {
		t.wake()
	}
}

// overwrite counts an event that goes for the readers with a filter that have not seen it;
// t.mu is held.
func (t *Tail) overwrite(s *slot) {
	for _, r := range t.readers {
		if r.filter.all() || r.next > s.id {
			continue
		}
		if r.filter.matches(s) {
			r.lost++
		}
		r.next = s.id + 1
	}
	t.findBehind()
}

// findBehind finds the last reader with a filter; t.mu is held.
func (t *Tail) findBehind() {
	t.behind = never
	for _, r := range t.readers {
		if !r.filter.all() {
			t.behind = min(t.behind, r.next)
		}
	}
}

// wake wakes the readers that waited for head; t.mu is held.
func (t *Tail) wake() {
	t.wakeAt = never
	for _, r := range t.readers {
		if t.head >= r.want {
			r.rouse()
		}
		t.wakeAt = min(t.wakeAt, r.want)
	}
}

// oldest returns the id of the oldest event that can still be shown; t.mu is held.
func (t *Tail) oldest() uint64 { return max(t.first, t.head+1-Kept) }
