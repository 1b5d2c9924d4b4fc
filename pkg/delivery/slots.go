package delivery

import (
	"slices"
	"sync"

	"stanzahook/pkg/jid"
)

// slots bounds the attempts that an endpoint has in flight. Senders share them by
// the rule of mayTake, and waiting senders take turns, however many attempts each of them
// has waiting.
type slots struct {
	mu    sync.Mutex
	all   int
	free  int
	of    map[jid.JID]*share // by sender: those that hold slots or wait for some, and resting ones
	rest  int                // shares of senders that do neither; at most all, kept for their next attempt
	turn  []*share           // that wait, the next one first
	spare []*share           // for reuse, at most all
	idle  sync.Pool          // of channels for reuse
}

// share is one sender's part of the slots.
type share struct {
	sender  jid.JID
	held    int
	waiting []chan struct{} // each gets a value when its slot is given
}

func newSlots(n int) *slots {
	return &slots{all: n, free: n, of: make(map[jid.JID]*share), idle: sync.Pool{New: func() any { return make(chan struct{}, 1) }}}
}

func (s *slots) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all - s.free
}

// take waits for a slot. It reports false if over was closed before there was one.
func (s *slots) take(sender jid.JID, over <-chan struct{}) bool {
	s.mu.Lock()
	h := s.share(sender)
	if len(h.waiting) == 0 && mayTake(h.held, s.free) {
		h.held++
		s.free--
		s.mu.Unlock()
		return true
	}
	given := s.idle.Get().(chan struct{})
	if h.waiting = append(h.waiting, given); len(h.waiting) == 1 {
		s.turn = append(s.turn, h)
	}
	s.mu.Unlock()
	select {
	case <-given:
		s.idle.Put(given)
		return true
	case <-over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(h.waiting, given)
	if i < 0 { // it was given meanwhile
		return true
	}
	if h.waiting = slices.Delete(h.waiting, i, i+1); len(h.waiting) == 0 {
		at := slices.Index(s.turn, h)
		s.turn = slices.Delete(s.turn, at, at+1)
	}
	s.release(h)
	return false
}

// share returns the share of a sender. s.mu is held.
func (s *slots) share(sender jid.JID) *share {
	h := s.of[sender]
	switch {
	case h == nil:
		if n := len(s.spare); n > 0 {
			h, s.spare = s.spare[n-1], s.spare[:n-1]
		} else {
			h = &share{}
		}
		h.sender = sender
		s.of[sender] = h
	case h.resting():
		s.rest--
	}
	return h
}

// resting reports whether a share's sender neither holds slots nor waits for some.
func (h *share) resting() bool { return h.held == 0 && len(h.waiting) == 0 }

// release lets a share rest if it is empty. When too many do, all of them are forgotten.
// s.mu is held.
func (s *slots) release(h *share) {
	if !h.resting() {
		return
	}
	if s.rest++; s.rest <= s.all {
		return
	}
	for sender, h := range s.of {
		if !h.resting() {
			continue
		}
		delete(s.of, sender)
		if h.sender = (jid.JID{}); len(s.spare) < s.all {
			s.spare = append(s.spare, h)
		}
	}
	s.rest = 0
}

// give frees a slot, and gives free slots to the senders whose turn it is.
func (s *slots) give(sender jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	back := s.of[sender]
	back.held--
	for i := 0; i < len(s.turn) && s.free > 0; {
		next := s.turn[i]
		if !mayTake(next.held, s.free) { // it holds some, so there are few of these
			i++
			continue
		}
		next.held++
		s.free--
		next.waiting[0] <- struct{}{}
		next.waiting = slices.Delete(next.waiting, 0, 1)
		s.turn = slices.Delete(s.turn, i, i+1)
		if len(next.waiting) > 0 { // to the end
			s.turn = append(s.turn, next)
		}
	}
	s.release(back)
}
