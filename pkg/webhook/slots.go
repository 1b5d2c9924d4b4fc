package webhook

import (
	"slices"
	"sync"

	"stanzahook/pkg/jid"
)

// slots are the attempts that an endpoint may have in flight. Senders share them by
// the rule of mayTake, and those that wait take turns, however much each of them
// waits with.
type slots struct {
	mu      sync.Mutex
	all     int
	free    int
	held    map[jid.JID]int
	waiting map[jid.JID][]chan struct{}
	turn    []jid.JID // senders that wait, the next one first
}

func newSlots(n int) *slots {
	return &slots{all: n, free: n, held: make(map[jid.JID]int)}
}

// used returns how many are taken.
func (s *slots) used() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all - s.free
}

// take waits for a slot. It reports false if over was closed before there was one.
func (s *slots) take(sender jid.JID, over <-chan struct{}) bool {
	s.mu.Lock()
	if held := s.held[sender]; len(s.waiting[sender]) == 0 && mayTake(held, s.free) {
		s.held[sender] = held + 1
		s.free--
		s.mu.Unlock()
		return true
	}
	if s.waiting == nil {
		s.waiting = make(map[jid.JID][]chan struct{})
	}
	given := make(chan struct{})
	if s.waiting[sender] = append(s.waiting[sender], given); len(s.waiting[sender]) == 1 {
		s.turn = append(s.turn, sender)
	}
	s.mu.Unlock()
	select {
	case <-given:
		return true
	case <-over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting[sender], given)
	if i < 0 { // it was given meanwhile
		return true
	}
	s.leave(sender, i)
	return false
}

// leave takes one of a sender's out of those that wait.
func (s *slots) leave(sender jid.JID, i int) {
	list := slices.Delete(s.waiting[sender], i, i+1)
	if s.waiting[sender] = list; len(list) == 0 {
		delete(s.waiting, sender)
		if at := slices.Index(s.turn, sender); at >= 0 {
			s.turn = slices.Delete(s.turn, at, at+1)
		}
	}
}

// give takes a slot back, and gives what is free to those whose turn it is.
func (s *slots) give(sender jid.JID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	if s.held[sender]--; s.held[sender] == 0 {
		delete(s.held, sender)
	}
	for i := 0; i < len(s.turn) && s.free > 0; {
		next := s.turn[i]
		if !mayTake(s.held[next], s.free) { // it holds some; there are no more of these than slots
			i++
			continue
		}
		s.held[next]++
		s.free--
		close(s.waiting[next][0])
		more := len(s.waiting[next]) > 1
		if s.leave(next, 0); more { // to the end
			s.turn = append(slices.Delete(s.turn, i, i+1), next)
		}
	}
}
