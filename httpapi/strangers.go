package httpapi

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// strangersPerSecond is how many strangers are answered at once, but for a burst. Those
	// over it wait for their turn, so that the machine is for others, however many come.
	strangersPerSecond = 1000
	strangersBurst     = 100
	// mostStrangers bounds those that wait, so that none waits for much more than two seconds. One
	// network may have half of the places.
	mostStrangers = 2 * strangersPerSecond
	// strangersPulse is when those that wait have their turns: many at once, as waking up for
	// each costs more than the answer.
	strangersPulse = 10 * time.Millisecond
)

// strangers slows down the requests of callers that Mount.Admit does not know. Nobody else
// waits with them, and all of them wait alike, whatever they ask for.
type strangers struct {
	mu     sync.Mutex
	rate   *rate.Limiter
	start  time.Time                // pulses count from here
	pulses map[time.Duration]*pulse // those to come, by their time
	of     map[netip.Prefix]int     // those that wait
	count  Strangers
}

// pulse is the turn of many at once: they share a timer, as a timer for each wakes the
// process for each.
type pulse struct {
	come     chan struct{}  // closed then
	networks []netip.Prefix // of those whose turn it is
}

// Strangers counts the requests of callers that Mount.Admit does not know.
type Strangers struct {
	Answered int64 // all
	Delayed  int64 // those that had to wait for their turn
	Closed   int64 // those that found no place to wait: their connections were closed
	Waiting  int   // now
	Most     int   // that may wait
}

func newStrangers() *strangers {
	return &strangers{
		rate: rate.NewLimiter(strangersPerSecond, strangersBurst), start: time.Now(), pulses: make(map[time.Duration]*pulse), of: make(map[netip.Prefix]int),
		count: Strangers{Most: mostStrangers},
	}
}

// pace waits for the turn of a stranger. It reports false at once if too many wait: the
// caller closes the connection, so that the next request takes the trouble of a new one.
func (s *strangers) pace(ctx context.Context, network netip.Prefix) bool {
	turn, ok := s.turn(network)
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
func (s *strangers) turn(network netip.Prefix) (turn <-chan struct{}, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.Answered++
	now := time.Now()
	reserved := s.rate.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay <= 0 {
		return nil, true
	}
	if !s.room(network) {
		reserved.CancelAt(now)
		s.count.Closed++
		return nil, false
	}
	s.count.Delayed++
	since := now.Sub(s.start)
	due := (since + delay).Truncate(strangersPulse) + strangersPulse
	p := s.pulses[due]
	if p == nil {
		p = &pulse{come: make(chan struct{})}
		s.pulses[due] = p
		time.AfterFunc(due-since, func() { s.onPulse(due) })
	}
	p.networks = append(p.networks, network)
	return p.come, true
}

func (s *strangers) onPulse(due time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pulses[due]
	delete(s.pulses, due)
	for _, network := range p.networks {
		s.free(network)
	}
	close(p.come)
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
	s := h.live.strangers
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}
