package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// strangersPerSecond is how many strangers are answered at once, but for a burst. Those
	// over it wait for their turn, so that the machine is for others, however many come.
	strangersPerSecond = 1000
	strangersBurst     = 100
	strangersInterval  = time.Second / strangersPerSecond
	// mostStrangers bounds those that wait, so that none waits for much more than two seconds. One
	// network may have half of the places.
	mostStrangers = 2 * strangersPerSecond
	// strangersPulse is when those that wait have their turns: many at once, as waking up for
	// each costs more than the answer.
	strangersPulse = 10 * time.Millisecond
	// crowdLasts is for how long strangers are a crowd since the last one that found no place.
	crowdLasts = time.Second
)

// strangers slows down the refusals of callers that nobody knows: with a wrong secret of a hook, a
// wrong token or password, or none, or at a path that is none. Nobody else waits with them,
// and all of them wait alike, whatever they ask for.
type strangers struct {
	mu     sync.Mutex
	start  time.Time                // times count from here
	next   time.Duration            // when the next one has its turn; in the past: as many as have had no turn since then have it at once
	pulses map[time.Duration]*pulse // those to come, by their time
	of     map[netip.Prefix]int     // those that wait
	count  Strangers
	closed bool

	crowdUntil atomic.Int64 // since start, in nanoseconds
	arriving   atomic.Int64 // Strangers.Arriving
}

// pulse is the turn of many at once: they share a timer, as a timer for each wakes the
// process for each.
type pulse struct {
	come     chan struct{}    // closed then
	networks []netip.Prefix   // of those whose turn it is
	late     []lateConnection // of those for whom no request waits; they are closed after the answer
}

// Strangers counts the refused requests of callers that nobody knows.
type Strangers struct {
	Answered int64 // all
	Delayed  int64 // those that had to wait for their turn
	Late     int64 // those that found no place to wait: they are answered late, and their connections closed
	Closed   int64 // those that found none in the tarpit either: their connections were closed at once
	Waiting  int   // for their turn, now
	Most     int   // that may wait
	Arriving int   // new connections, while there is a crowd, whose request has not come yet

	InTarpit, MostInTarpit int // connections of those that are answered late: now, and at most
}

func newStrangers() *strangers {
	return &strangers{start: time.Now(), next: -strangersBurst * strangersInterval, pulses: make(map[time.Duration]*pulse), of: make(map[netip.Prefix]int), count: Strangers{Most: mostStrangers}}
}

// turnDown has the answer to a stranger written when it is its turn. If too many wait, the
// request ends now, and its connection is in the tarpit.
func (h *Handler) turnDown(w http.ResponseWriter, r *http.Request, network netip.Prefix, write func(http.ResponseWriter)) {
	awaiting(r.Context(), true)
	if !h.live.strangers.pace(r.Context(), network) {
		w.Header().Set("Connection", "close") // so that the next request takes the trouble of a new one
		if h.live.tarpit.add(w, r, write) {
			return
		}
	}
	write(w)
}

// pace waits for the turn of a stranger. It reports false at once if too many wait.
func (s *strangers) pace(ctx context.Context, network netip.Prefix) bool {
	turn, ok := s.turn(network, nil)
	if turn == nil {
		return ok
	}
	select {
	case <-turn:
	case <-ctx.Done():
	}
	return true
}

// turn returns what is closed when it is the turn of a stranger; nil: it is now, or, if ok is
// false, too many wait. Until then it has its place, also if it has gone: else those
// that come and go would take turns without end.
func (s *strangers) turn(network netip.Prefix, late *lateConnection) (turn <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Answered++
	since := time.Since(s.start)
	mine := max(s.next, since-(strangersBurst-1)*strangersInterval)
	if mine <= since || s.closed && late != nil {
		s.next = mine + strangersInterval
		return nil, true
	}
	if !s.room(network) {
		s.count.Closed++
		s.crowdUntil.Store(max(s.crowdUntil.Load(), int64(since+crowdLasts)))
		return nil, false
	}
	s.next = mine + strangersInterval
	s.count.Delayed++
	due := mine.Truncate(strangersPulse) + strangersPulse
	p := s.pulses[due]
	if p == nil {
		p = &pulse{come: make(chan struct{})}
		s.pulses[due] = p
		time.AfterFunc(due-since, func() { s.onPulse(due) })
	}
	p.networks = append(p.networks, network)
	if late != nil {
		p.late = append(p.late, *late)
	}
	return p.come, true
}

// crowd reports whether so many strangers come that some find no place.
func (s *strangers) crowd() bool {
	return time.Since(s.start) < time.Duration(s.crowdUntil.Load())
}

func (s *strangers) onPulse(due time.Duration) {
	s.mu.Lock()
	p := s.pulses[due]
	delete(s.pulses, due)
	for _, network := range p.networks {
		s.free(network)
	}
	s.mu.Unlock()
	close(p.come) // wakes many, for whom nobody has to wait
	answerLate(p.late)
}

// close closes the connections for which no request waits.
func (s *strangers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, p := range s.pulses {
		for _, c := range p.late {
			_ = c.Close()
		}
		p.late = nil
	}
}

// enter takes one of the places of those that wait, until leave; ok is false if there is none.
func (s *strangers) enter(network netip.Prefix) (leave func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.room(network) {
		return nil, false
	}
	return func() { s.leave(network) }, true
}

// room takes a place if there is one. s.mu is held.
func (s *strangers) room(network netip.Prefix) bool {
	if s.count.Waiting >= mostStrangers || s.of[network] >= mostStrangers/2 {
		return false
	}
	s.count.Waiting++
	s.of[network]++
	return true
}

func (s *strangers) leave(network netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free(network)
}

// free frees a place. s.mu is held.
func (s *strangers) free(network netip.Prefix) {
	s.count.Waiting--
	if s.of[network]--; s.of[network] == 0 {
		delete(s.of, network)
	}
}

// Strangers returns what became of the requests of strangers.
func (h *Handler) Strangers() Strangers {
	s, t := h.live.strangers, h.live.tarpit
	t.mu.Lock() // first, as what is in the tarpit was counted as closed before
	late, now, most := t.total, t.count, t.most
	t.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.count
	n.Late, n.Closed, n.InTarpit, n.MostInTarpit = late, n.Closed-late, now, most
	n.Arriving = int(s.arriving.Load())
	return n
}
