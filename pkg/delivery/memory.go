package delivery

import "stanzahook/pkg/jid"

// bounds are the limits of a queue's memory. Events beyond them are in the store only,
// and are read when their turn comes.
type bounds struct {
	held, bytes int
	ahead       int // of one conversation; of one that fails, only the first
	read        int // from the store at a time
}

var usual = bounds{held: 2000, bytes: 16 << 20, ahead: 1000, read: 64}

const (
	// readTogether is how far apart in the store events may lie that are read
	// together, in bytes.
	readTogether = 4 << 20
	typicalEvent = 512 // bytes
)

// memory holds the lanes of a queue, the events at their heads, and the sources that
// share the room. Its methods are called with the queue's mutex held.
type memory struct {
	max     bounds
	lanes   map[string]*lane
	sources map[jid.JID]*source
	ready   turns
	waits   waits
	count   int // events that are not finished
	held    int // of these, in memory
	bytes   int
}

func newMemory() memory {
	return memory{max: usual, lanes: make(map[string]*lane), sources: make(map[jid.JID]*source)}
}

// lane returns the lane of a conversation.
func (m *memory) lane(conversation string, sender jid.JID) *lane {
	l := m.lanes[conversation]
	if l == nil {
		l = &lane{conversation: conversation, of: m.source(sender)}
		m.lanes[conversation] = l
	}
	return l
}

// source returns the source of a sender, for one more lane.
func (m *memory) source(sender jid.JID) *source {
	s := m.sources[sender]
	if s == nil {
		s = &source{sender: sender}
		m.sources[sender] = s
	}
	s.lanes++
	return s
}

// leave removes a lane from its source.
func (m *memory) leave(s *source) {
	if s.lanes--; s.lanes == 0 {
		delete(m.sources, s.sender)
	}
}

// adopt gives a lane to its sender, once that is known. The lane is busy and has nothing
// in memory.
func (m *memory) adopt(l *lane, sender jid.JID) {
	if was := l.of; was.sender != sender {
		l.of = m.source(sender)
		m.leave(was)
	}
}

// forgetIfDone forgets a lane with nothing left.
func (m *memory) forgetIfDone(l *lane) {
	if l.done() && m.lanes[l.conversation] == l {
		delete(m.lanes, l.conversation)
		m.leave(l.of)
	}
}

// fits reports whether one more event of a lane may be in memory: by the share of its
// sender, and by its own.
func (m *memory) fits(l *lane) bool {
	return m.room(l) && len(l.mem) < m.max.ahead && (l.fails == 0 || len(l.mem) == 0)
}

// room reports whether the sender of a lane may have one more event in memory.
func (m *memory) room(l *lane) bool {
	return mayTake(l.of.held, m.max.held-m.held) && mayTake(l.of.bytes, m.max.bytes-m.bytes)
}

// load adds an event to the end of a lane.
func (m *memory) load(l *lane, it *item) {
	l.mem = append(l.mem, it)
	m.charge(l, it)
}

// charge counts an event that is in memory.
func (m *memory) charge(l *lane, it *item) {
	m.held++
	m.bytes += it.size
	l.of.held++
	l.of.bytes += it.size
}

func (m *memory) unload(l *lane, it *item) {
	m.held--
	m.bytes -= it.size
	l.of.held--
	l.of.bytes -= it.size
}

// pop moves the first event of a lane to those that wait for ack.
func (m *memory) pop(l *lane, it *item) {
	l.pop()
	l.oldest = it.since
	m.unload(l, it)
	m.count--
}

// withdraw removes an event from a lane.
func (m *memory) withdraw(l *lane, it *item) bool {
	for i, other := range l.mem {
		if other == it {
			l.mem = append(l.mem[:i:i], l.mem[i+1:]...)
			m.unload(l, it)
			m.count--
			reason := ""
			if it.state == unstored {
				reason = notStored
			}
			endSpan(it.Event, endDropped, reason)
			return true
		}
	}
	return false
}

// discard removes the event at a place in the store from a lane, in memory or not. It reports
// false if the event is finished, or not in the lane. A lane that has its turn to come, or
// waits, and has no event any more has nothing to come to.
func (m *memory) discard(l *lane, seq uint64) bool {
	if !m.remove(l, seq) {
		return false
	}
	switch {
	case l.workable():
	case l.state == ready:
		m.ready.forget(l)
	case l.state == waiting:
		m.waits.remove(l)
		l.state = idle
	}
	return true
}

func (m *memory) remove(l *lane, seq uint64) bool {
	for i, it := range l.mem {
		if it.seq != seq {
			continue
		}
		if i == 0 {
			l.renew()
			if l.state == waiting {
				m.waits.remove(l)
				l.state = idle
			}
		}
		return m.withdraw(l, it)
	}
	for _, it := range l.trail {
		if it.seq == seq {
			return false
		}
	}
	if seq <= l.last || l.tail == 0 {
		return false
	}
	l.tail--
	m.count--
	return true
}

// evict leaves the stored events of a lane to the store alone, but for the first ones.
func (m *memory) evict(l *lane, keep int) {
	n := len(l.mem)
	for n > keep && l.mem[n-1].state == stored {
		n--
	}
	if n == len(l.mem) {
		return
	}
	for _, it := range l.mem[n:] {
		endSpan(it.Event, endStored, "")
		m.unload(l, it)
	}
	l.tail += len(l.mem) - n
	l.last = l.mem[n].seq - 1
	if n == 0 {
		l.oldest = l.mem[0].since
	}
	clear(l.mem[n:])
	l.mem = l.mem[:n]
}

// readable returns how many events of a lane to read from the store now, of known ones.
func (m *memory) readable(l *lane, known int) int {
	if l.fails > 0 {
		return 1
	}
	return max(1, min(known, m.max.read, m.max.held-m.held, m.near(l)))
}

// near estimates how many events of a lane lie together in the store. The
// store reads its files in blocks, and keeps them in memory for a while: a few
// events of each of many lanes in turn, which lie side by side, take one block, and
// many of one lane all blocks between them.
func (m *memory) near(l *lane) int {
	return readTogether / (typicalEvent * max(1, m.count/max(1, l.tail)))
}

// find returns the lane of an event in memory, and its place there.
func (m *memory) find(id string) (l *lane, i int) {
	for _, l := range m.lanes {
		for i, it := range l.mem {
			if it.ID == id {
				return l, i
			}
		}
	}
	return nil, 0
}

// probe takes a lane, ready or waiting, of the sender whose last failed probe is
// the longest ago; of several, the one that was due first.
func (m *memory) probe(lastProbeOf func(sender jid.JID) int) *lane {
	var best *lane
	least := 0
	for _, l := range m.lanes {
		if l.state != waiting && (l.state != ready || !l.workable()) {
			continue
		}
		n := lastProbeOf(l.of.sender)
		if best == nil || n < least || n == least && l.until.Before(best.until) {
			best, least = l, n
		}
	}
	if best != nil && best.state == waiting {
		m.waits.remove(best)
	}
	return best // one that was ready stays in its list, which skips it
}
