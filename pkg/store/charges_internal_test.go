package store

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is charged is what a map would have, whatever the order in which charges come and go; and
// those that have gone take no room.
func TestCharges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var c charges
	want := make(map[uint64]charge)
	next := uint64(firstRecent)
	most := 0
	for step := range 100_000 {
		switch n := rnd.IntN(10); {
		case n < 4 || step < 2000:
			next += 1 + uint64(rnd.IntN(3))
			x := charge{place: next, size: 1 + int64(rnd.IntN(1000))}
			c.stored.add(x)
			want[next] = x
		case n == 4: // of an earlier process, in any order
			x := charge{place: 1 + uint64(rnd.IntN(5000)), size: 7}
			if c.has(x.place) {
				continue
			}
			c.read.add(x)
			want[x.place] = x
		default:
			place := 1 + uint64(rnd.IntN(5000))
			if n < 8 && len(c.stored.list) > 0 { // most leave at the beginning
				place = c.stored.list[rnd.IntN(min(20, len(c.stored.list)))].place
			}
			x, ok := c.take(place)
			if y, there := want[place]; ok != there || ok && x != y {
				t.Fatalf("step %d: place %d: %v %v, not %v %v", step, place, x, ok, y, there)
			}
			delete(want, place)
		}
		most = max(most, cap(c.stored.list)+cap(c.read.list))
	}
	c.move(func(place uint64) uint64 { return place + 10 })
	got, places := slices.Sorted(c.places()), slices.Sorted(maps.Keys(want))
	for i := range places {
		places[i] += 10
	}
	if !slices.Equal(got, places) {
		t.Errorf("%d places, not %d", len(got), len(places))
	}
	if most > 4*(len(want)+manyDone)+8000 {
		t.Errorf("room for %d charges, at the end there are %d", most, len(want))
	}
	for _, place := range got {
		if !c.has(place) {
			t.Fatalf("%d is not charged", place)
		}
		c.take(place)
	}
	if c.stored.list != nil || c.read.list != nil {
		t.Error("an empty list keeps room")
	}
}
