package store

import (
	"math/rand/v2"
	"testing"
)

// Whatever the order in which places are finished, base is the first that is not, and
// ahead counts those behind it.
func TestMarks(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		first := uint64(rnd.IntN(200))
		next := first + 1 + uint64(rnd.IntN(500))
		done := make([]bool, next+1) // no place from next on is
		var removed []uint64
		for place := first; place < next; place++ {
			if rnd.IntN(4) == 0 {
				removed, done[place] = append(removed, place), true
			}
		}
		m := newMarks(first, next, removed)
		base, ahead := max(first, 1), 0
		for place := base; place < next; place++ {
			if done[place] {
				ahead++
			}
		}
		check := func() {
			for ; done[base]; base++ {
				ahead--
			}
			if m.base != base || m.ahead != ahead || base > first && !m.has(base-1) {
				t.Fatalf("seed %d: base %d, ahead %d; want %d, %d", seed, m.base, m.ahead, base, ahead)
			}
		}
		checkAll := func() {
			check()
			for place := base; place < next; place++ {
				if m.has(place) != done[place] {
					t.Fatalf("seed %d: place %d: %v, want %v", seed, place, m.has(place), done[place])
				}
			}
		}
		checkAll()
		for i := range 2000 {
			place := max(first, 1) + uint64(rnd.IntN(int(next-first)))
			if place >= next {
				continue
			}
			m.mark(place)
			if !done[place] {
				done[place] = true
				ahead++
			}
			check()
			if i%100 == 0 { // all of them take long
				checkAll()
			}
		}
		checkAll()
	}
}
