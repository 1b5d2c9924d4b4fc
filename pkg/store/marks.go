package store

import "math/bits"

// marks says which places of a stream are finished: a bit for each place behind the first
// one that is not.
type marks struct {
	base  uint64   // the first place that is not finished
	words []uint64 // bit i: the place base&^63+i is finished
	ahead int      // finished places behind base
}

// newMarks begins with a stream that holds the places from first to before next, but for
// those that were removed.
func newMarks(first, next uint64, removed []uint64) marks {
	m := marks{base: min(max(first, 1), next)}
	for _, place := range removed {
		m.mark(place)
	}
	return m
}

// mark finishes a place.
func (m *marks) mark(place uint64) {
	if m.has(place) {
		return
	}
	i := place - m.base&^63
	for uint64(len(m.words)) <= i/64 {
		m.words = append(m.words, 0)
	}
	m.words[i/64] |= 1 << (i % 64)
	m.ahead++
	for len(m.words) > 0 {
		n := uint64(bits.TrailingZeros64(^(m.words[0] | (1<<(m.base%64) - 1))))
		m.ahead -= int(m.base&^63 + n - m.base)
		m.base = m.base&^63 + n
		if n < 64 {
			return
		}
		m.words = m.words[1:]
	}
}

// has reports whether a place is finished.
func (m *marks) has(place uint64) bool {
	if place < m.base {
		return true
	}
	i := place - m.base&^63
	return i/64 < uint64(len(m.words)) && m.words[i/64]>>(i%64)&1 == 1
}
