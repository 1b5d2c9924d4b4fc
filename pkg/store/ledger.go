package store

import (
	"math/bits"
	"time"
)

// looseAfter is how long acknowledged events may lie behind one that is not,
// before they are removed conversation by conversation.
const looseAfter = time.Second

// maxLag bounds the memory of a ledger: a bit for each event behind the oldest
// that is not acknowledged.
const maxLag = 1 << 20

// ledger knows which events of a queue are acknowledged and not yet removed. The
// cheap way to remove is by watermark: everything up to the first event that
// is not acknowledged. Where one conversation holds the watermark, the others are
// removed on their own.
//
// Killed: what is marked here and not yet removed is delivered again.
type ledger struct {
	base  uint64              // the first event that is not acknowledged, but for old ones
	words []uint64            // bit i: event base&^63+i is acknowledged
	old   int                 // events before base that are not acknowledged
	loose map[string]loosened // acknowledged and not removed, by conversation
	gone  uint64              // everything before this is removed
}

type loosened struct {
	seq   uint64 // up to here, all of the conversation are acknowledged
	since time.Time
}

// newLedger begins a ledger for a stream that holds the events from first to
// before next, but for those that were removed.
func newLedger(first, next uint64, removed []uint64) ledger {
	l := ledger{base: max(first, 1), loose: make(map[string]loosened)}
	if next < l.base {
		l.base = next
	}
	l.gone = l.base
	for _, seq := range removed {
		l.mark(seq)
	}
	return l
}

// done marks an event. The events of a conversation are marked in order.
func (l *ledger) done(conversation string, seq uint64, now time.Time) {
	if was, ok := l.loose[conversation]; ok {
		l.loose[conversation] = loosened{seq, was.since}
	} else {
		l.loose[conversation] = loosened{seq, now}
	}
	l.mark(seq)
}

// mark is done without the conversation: the event is not there any more.
func (l *ledger) mark(seq uint64) {
	if seq < l.base {
		l.old--
		return
	}
	i := seq - l.base&^63
	for uint64(len(l.words)) <= i/64 {
		l.words = append(l.words, 0)
	}
	l.words[i/64] |= 1 << (i % 64)
	l.advance()
}

// through marks everything up to an event.
func (l *ledger) through(seq uint64, now time.Time) {
	if seq < l.gone || seq <= l.loose[""].seq {
		return
	}
	l.base, l.words, l.old = seq+1, nil, 0
	l.loose[""] = loosened{seq, now} // no conversation has this name: only the watermark removes it
}

func (l *ledger) advance() {
	for len(l.words) > 0 {
		n := uint64(bits.TrailingZeros64(^(l.words[0] | (1<<(l.base%64) - 1))))
		l.base = l.base&^63 + n
		if n < 64 {
			break
		}
		l.words = l.words[1:]
	}
	for len(l.words) > maxLag/64 { // give the oldest up to the count of old ones
		word := l.words[0] | (1<<(l.base%64) - 1)
		l.old += 64 - bits.OnesCount64(word)
		l.base = l.base&^63 + 64
		l.words = l.words[1:]
	}
}

// isDone reports whether an event that is still there is acknowledged.
func (l *ledger) isDone(conversation string, seq uint64) bool {
	if seq <= l.loose[conversation].seq {
		return true
	}
	if seq < l.base {
		return false // old: acknowledged ones are loose
	}
	i := seq - l.base&^63
	return i/64 < uint64(len(l.words)) && l.words[i/64]>>(i%64)&1 == 1
}

// removable returns what can be removed now: everything before watermark
// (0: nothing), and of the conversations everything up to the given events.
func (l *ledger) removable(now time.Time) (watermark uint64, conversations map[string]uint64) {
	if l.old <= 0 && l.base > l.gone && len(l.loose) > 0 {
		watermark = l.base
	}
	for conversation, at := range l.loose {
		if at.seq >= watermark && now.Sub(at.since) > looseAfter {
			if conversations == nil {
				conversations = make(map[string]uint64)
			}
			conversations[conversation] = at.seq
		}
	}
	return watermark, conversations
}

// removedBefore notes that everything before watermark was removed.
func (l *ledger) removedBefore(watermark uint64) {
	l.gone = watermark
	for conversation, at := range l.loose {
		if at.seq < watermark {
			delete(l.loose, conversation)
		}
	}
}

// removed notes that a conversation was removed up to an event.
func (l *ledger) removed(conversation string, seq uint64, now time.Time) {
	if at := l.loose[conversation]; at.seq == seq {
		delete(l.loose, conversation)
	} else {
		l.loose[conversation] = loosened{at.seq, now}
	}
}

// idle reports whether nothing waits to be removed.
func (l *ledger) idle() bool { return len(l.loose) == 0 }
