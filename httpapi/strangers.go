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
	mu    sync.Mutex
	rate  *rate.Limiter
	of    map[netip.Prefix]int // those that wait
	count Strangers
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
	return &strangers{rate: rate.NewLimiter(strangersPerSecond, strangersBurst), of: make(map[netip.Prefix]int), count: Strangers{Most: mostStrangers}}
}

// pace waits for the turn of a stranger. It reports false at once if too many wait: the
// caller closes the connection, so that the next request takes the trouble of a new one.
func (s *strangers) pace(ctx context.Context, network netip.Prefix) bool {
	s.mu.Lock()
	s.count.Answered++
	now := time.Now()
	turn := s.rate.ReserveN(now, 1)
	delay := turn.DelayFrom(now)
	if delay <= 0 {
		s.mu.Unlock()
		return true
	}
	if !s.room(network) {
		turn.CancelAt(now)
		s.count.Closed++
		s.mu.Unlock()
		return false
	}
	s.count.Delayed++
	s.mu.Unlock()
	defer s.leave(network)
	due := now.Add(delay)
	t := time.NewTimer(due.Truncate(strangersPulse).Add(strangersPulse).Sub(now))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return true
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
