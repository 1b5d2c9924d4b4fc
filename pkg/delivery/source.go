package delivery

import "stanzahook/pkg/jid"

// source is what the lanes of one sender have together. Its fields belong to the
// queue's mutex. Lanes that a process before us left behind are of the zero sender
// until their first event is read.
type source struct {
	sender jid.JID
	lanes  int         // that there are
	ready  fifo[*lane] // those with something to do
	turn   bool        // it is among those whose lanes are ready
	busy   int         // lanes that runners have
	held   int         // events in memory
	bytes  int
}

// source returns that of a sender, for one more lane.
func (q *queue) source(sender jid.JID) *source {
	s := q.sources[sender]
	if s == nil {
		s = &source{sender: sender}
		q.sources[sender] = s
	}
	s.lanes++
	return s
}

// unused takes a lane off a source.
func (q *queue) unused(s *source) {
	if s.lanes--; s.lanes == 0 {
		delete(q.sources, s.sender)
	}
}

// adopt gives a lane to its sender, once that is known. A runner or the sweep has it,
// and nothing of it is in memory.
func (q *queue) adopt(l *lane, sender jid.JID) {
	if was := l.of; was.sender != sender {
		l.of = q.source(sender)
		q.unused(was)
	}
}

// turns are the lanes that are ready, by sender. The senders take turns, however
// many lanes each of them has.
type turns struct {
	ring  fifo[*source]
	lanes int // with those that are not ready any more: they were taken out of turn
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

// pop returns the next lane of the next sender who may have one more of the free
// places; nil if there is none. Who may not has some, so these are few.
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

// any reports whether pop would return a lane, more or less.
func (t *turns) any(free int) bool {
	for _, s := range t.ring.list[t.ring.head:] {
		if mayTake(s.busy, free) {
			return true
		}
	}
	return false
}

// probe returns a lane, ready or waiting, of the sender whose last failed probe is
// the longest ago; of several, the one that was due first.
func (q *queue) probe() *lane {
	var best *lane
	least := 0
	for _, l := range q.lanes {
		if l.state != waiting && (l.state != ready || !l.workable()) {
			continue
		}
		n := q.w.breaker.lastProbeOf(l.of.sender)
		if best == nil || n < least || n == least && l.until.Before(best.until) {
			best, least = l, n
		}
	}
	if best != nil && best.state == waiting {
		q.waits.remove(best)
	}
	return best // one that was ready stays in its list, which passes over it
}
