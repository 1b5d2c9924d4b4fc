package replica

import (
	"context"
	"time"
)

// Serving is the active replica, while it answers requests.
type Serving struct {
	About
	Me bool // this one
	// Over is closed when another one is active and this one has not handed over: no answer of
	// it is to be waited for.
	Over <-chan struct{}

	sign uint64
}

// Serve tells the others whether this replica, as the active one, answers requests.
func (m *Member) Serve(yes bool) {
	m.mu.Lock()
	m.s.serves, m.s.serving = yes, m.s.serving && (yes || m.s.epoch == 0)
	m.mu.Unlock()
	m.say()
}

// AwaitServing waits for an active replica that answers requests, and returns it. If last is not nil,
// that one has not answered: then it waits for a sign of life after it. Errors: that of ctx.
func (m *Member) AwaitServing(ctx context.Context, last *Serving) (Serving, error) {
	for {
		s, signed, ok := m.serving(last)
		if ok {
			return s, nil
		}
		select {
		case <-signed:
		case <-ctx.Done():
			return Serving{}, ctx.Err()
		}
	}
}

// serving returns the active replica if it answers requests, and what is closed when that may
// have changed.
func (m *Member) serving(last *Serving) (s Serving, signed <-chan struct{}, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s = Serving{About: m.s.holder, Me: m.s.epoch > 0, Over: m.over, sign: m.s.signs}
	if s.Me {
		s.About = m.s.about
	}
	ok = m.s.serving && m.s.lost == "" && !m.s.free && (s.Me || time.Since(m.s.quiet) < m.s.failover)
	return s, m.signed, ok && (last == nil || s.sign > last.sign)
}

// tell wakes those that wait for the active replica, or for an answer of it. m.mu is held.
func (m *Member) tell() {
	if m.s.signs != m.signs {
		m.signs = m.s.signs
		close(m.signed)
		m.signed = make(chan struct{})
	}
	if m.s.term != m.term {
		m.term = m.s.term
		close(m.over)
		m.over = make(chan struct{})
	}
}
