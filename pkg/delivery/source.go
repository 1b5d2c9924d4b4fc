package delivery

import "stanzahook/pkg/jid"

// source is the sender of some lanes, with the room that they share. Its fields belong to
// the queue's mutex. Lanes of the backlog belong to the zero sender until their first
// event is read.
type source struct {
	sender jid.JID
	lanes  int         // of this sender
	ready  fifo[*lane] // those with something to do
	turn   bool        // it is in the ring of turns
	busy   int         // lanes that runners have
	held   int         // events in memory
	bytes  int
}

// turns holds the ready lanes by sender. The senders take turns, however many lanes each
// of them has.
type turns struct {
	ring  fifo[*source]
	lanes int // with those that a probe took out of turn, and the forgotten ones
	gone  int // forgotten ones, since they were tidied away
}

func (t *turns) push(l *lane) {
	s := l.of
	s.ready.push(l)
	t.lanes++
	if !s.turn {
		s.turn = true
		t.ring.push(s)
	}
}

// pop returns the next lane of the next sender that may have one more of the free
// places; nil if there is none. A sender that may not has some already, so these are few.
func (t *turns) pop(free int) *lane {
	for n := t.ring.len(); n > 0; n-- {
		s := t.ring.pop()
		var l *lane
		for l == nil && s.ready.len() > 0 && mayTake(s.busy, free) {
			t.lanes--
			if l = s.ready.pop(); l.state != ready {
				l = nil
			}
		}
		if s.turn = s.ready.len() > 0; s.turn {
			t.ring.push(s)
		}
		if l != nil {
			return l
		}
	}
	return nil
}

// forget takes a lane out of its turn: nothing of it is left. Its place is tidied away when
// half of all places are such, so that many lanes cost no more than a look at each.
func (t *turns) forget(l *lane) {
	l.state = idle
	if t.gone++; t.gone <= t.lanes/2 {
		return
	}
	t.gone, t.lanes = 0, 0
	t.ring.keep(func(s *source) bool {
		s.ready.keep(func(l *lane) bool { return l.state == ready })
		t.lanes += s.ready.len()
		s.turn = s.ready.len() > 0
		return s.turn
	})
}

// any reports whether pop is likely to return a lane.
func (t *turns) any(free int) bool {
	for _, s := range t.ring.list[t.ring.head:] {
		if mayTake(s.busy, free) {
			return true
		}
	}
	return false
}
