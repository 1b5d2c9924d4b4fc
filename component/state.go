package component

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// state is the state of a link. It also recognises by the markers whether another
// connection uses the same name.
type state struct {
	domain    string
	keepalive time.Duration
	log       *zap.Logger
	onState   func(Status)

	mu     sync.Mutex
	status Status
	logged string        // the trouble that was logged last
	shared bool          // another connection uses our name
	stray  time.Time     // when a marker went to another connection, or theirs came to us
	inARow int           // markers that came back since then
	silent time.Time     // when a connection was lost that the server may still believe alive; zero: none was
	isUp   chan struct{} // closed while connected
}

func (s *state) init(o *Options, log *zap.Logger) {
	s.domain, s.keepalive, s.log, s.onState, s.isUp = o.Domain.String(), o.Keepalive, log, o.OnState, make(chan struct{})
	s.status = Status{Domain: s.domain, Addr: o.Addr, State: Connecting, Since: time.Now(), Reason: "not connected yet"}
}

func (s *state) get() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// set begins a state. s.mu is held.
func (s *state) set(to State, reason string) {
	s.status.State, s.status.Since, s.status.Reason = to, time.Now(), reason
	if s.onState != nil {
		s.onState(s.status)
	}
}

// wait waits until the link is connected, or ctx is done.
func (s *state) wait(ctx context.Context) error {
	s.mu.Lock()
	up := s.isUp
	s.mu.Unlock()
	select {
	case <-up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// up notes a connection.
func (s *state) up() {
	s.mu.Lock()
	if s.shared { // until the markers show otherwise
		s.set(Shared, s.sharedReason())
	} else {
		s.set(Up, "")
	}
	s.logged = ""
	close(s.isUp)
	s.mu.Unlock()
	s.log.Info("connected", zap.String("server", s.status.Addr))
}

// down notes that there is no connection, and reports whether the reason is not the one
// that was logged last: it is logged once, not once for each attempt.
func (s *state) down(t trouble) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.connected() {
		s.isUp = make(chan struct{})
		if t.silent && s.silent.IsZero() {
			s.silent, s.inARow = time.Now(), 0
		}
	}
	if s.status.State != Down || s.status.Reason != t.what {
		s.set(Down, t.what)
	}
	isNew = s.logged != t.what
	s.logged = t.what
	return isNew
}

// clearAfter is how many markers in a row must come back until a name that was
// shared counts as ours alone: with two connections half of them do.
const clearAfter = 8

// markerBack notes that a marker came back to us.
func (s *state) markerBack() {
	s.mu.Lock()
	s.inARow++
	// With traffic eight come in a moment, so time has to pass as well.
	clear := s.shared && s.inARow >= clearAfter && time.Since(s.stray) >= 3*s.keepalive
	if !s.shared && s.inARow >= clearAfter && time.Since(s.silent) >= 3*s.keepalive {
		s.silent = time.Time{}
	}
	if clear {
		s.shared, s.silent = false, time.Time{}
		s.set(Up, "")
	}
	s.mu.Unlock()
	if clear {
		s.log.Info("component name no longer shared")
	}
}

// markerAstray notes that a marker went to another connection, or that the marker of
// another one came to us.
func (s *state) markerAstray() {
	s.mu.Lock()
	s.inARow, s.stray = 0, time.Now()
	isNew := !s.shared
	s.shared = true
	reason := s.sharedReason()
	if s.status.State == Up {
		s.set(Shared, reason)
	}
	s.mu.Unlock()
	if isNew {
		s.log.Error("component name shared", zap.String("hint", reason))
	}
}

// mayHaveOld reports whether the server may still believe in a connection of ours that
// was lost.
func (s *state) mayHaveOld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.silent.IsZero()
}

// age returns how long the link is in its state.
func (s *state) age() time.Duration { return time.Since(s.get().Since) }

// sharedReason says why markers go to another connection. ejabberd (23.01 and 24.12) has no
// option of a listener that would end a connection which does not answer: the kernel
// under it does. s.mu is held.
func (s *state) sharedReason() string {
	const (
		deals = "stanzas of this component go astray: ejabberd deals them at random to all connections of the name"
		ends  = "it ends when the kernel of the server's machine gives it up, about 15 minutes after the loss; with sysctl net.ipv4.tcp_retries2=8 there, within 2 minutes; a restart of ejabberd ends it at once"
	)
	if s.silent.IsZero() {
		return deals + ". If another program is connected as " + s.domain + ", stop it. If there is none, it is an old connection of our own, of a machine or a network that went away without a word: " + ends
	}
	return deals + ", and it still has our own old one, which was lost without a word at " + s.silent.Format("15:04:05") + ": " + ends + ". If that does not help, another program is connected as " + s.domain + ": stop it"
}
