package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is a queue as it ought to be: what is there, by place.
type model struct {
	there map[uint64]string // place → conversation
	done  map[uint64]bool
}

func (m *model) purge(before uint64, conversation string) {
	maps.DeleteFunc(m.there, func(seq uint64, c string) bool { return seq < before && (conversation == "" || c == conversation) })
}

// Whatever order conversations are answered in, only answered events are
// removed, and in the end all of them.
func TestLedger(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		old := rnd.IntN(100)
		m := model{there: map[uint64]string{}, done: map[uint64]bool{}}
		lanes := map[string][]uint64{}
		next := uint64(1)
		put := func() {
			c := fmt.Sprint(rnd.IntN(6))
			m.there[next] = c
			lanes[c] = append(lanes[c], next)
			next++
		}
		for range old {
			put()
		}
		var removed []uint64
		for seq := uint64(1); seq < next; seq++ { // a process before us had removed some
			if c := m.there[seq]; rnd.IntN(4) == 0 && lanes[c][0] == seq {
				removed = append(removed, seq)
				m.done[seq] = true
				delete(m.there, seq)
				lanes[c] = lanes[c][1:]
			}
		}
		l := newLedger(1, next, removed)
		now := time.Now()
		remove := func() {
			w, convs := l.removable(now)
			if w > 0 {
				m.purge(w, "")
				l.removedBefore(w)
			}
			for c, seq := range convs {
				m.purge(seq+1, c)
				l.removed(c, seq, now)
			}
		}
		check := func() {
			for seq := uint64(1); seq < next; seq++ {
				c, there := m.there[seq]
				if !there && !m.done[seq] {
					t.Fatalf("seed %d: event %d was removed and not answered", seed, seq)
				}
				if there && l.isDone(c, seq) != m.done[seq] {
					t.Fatalf("seed %d: event %d: isDone %v, answered %v", seed, seq, l.isDone(c, seq), m.done[seq])
				}
			}
		}
		answer := func(c string) {
			if q := lanes[c]; len(q) > 0 {
				lanes[c] = q[1:]
				m.done[q[0]] = true
				l.done(c, q[0], now)
			}
		}
		stuck := fmt.Sprint(rnd.IntN(6))
		for range 500 {
			put()
			if c := fmt.Sprint(rnd.IntN(6)); c != stuck {
				answer(c)
			}
			if rnd.IntN(5) == 0 {
				now = now.Add(time.Duration(rnd.IntN(int(looseAfter))))
				remove()
				check()
			}
		}
		for _, c := range slices.Sorted(maps.Keys(lanes)) {
			for len(lanes[c]) > 0 {
				answer(c)
			}
		}
		now = now.Add(2 * looseAfter)
		remove()
		check()
		remove()
		if len(m.there) != 0 || !l.idle() {
			t.Fatalf("seed %d: %d events are left, idle %v", seed, len(m.there), l.idle())
		}
	}
}

// A conversation that stays stuck does not let the ledger grow without bound.
func TestLedgerIsBounded(t *testing.T) {
	l := newLedger(1, 1, nil)
	now := time.Now()
	for seq := uint64(2); seq < 3*maxLag; seq++ { // 1 is stuck
		l.mark(seq)
	}
	if len(l.words) > maxLag/64 || l.old != 1 {
		t.Errorf("%d words, %d old", len(l.words), l.old)
	}
	l.done("stuck", 1, now)
	if w, _ := l.removable(now); w != 3*maxLag {
		t.Errorf("watermark %d", w)
	}
}
