package store

import (
	"cmp"
	"iter"
	"slices"
)

// charges say of the events of a queue how large they are, and whose share they use.
// Very many may wait, so this is 24 bytes for each; a map takes three times that.
type charges struct {
	stored chargeList // since the start
	read   chargeList // stored by an earlier process, and read since: pages may be read in any order
}

// charge is the size of an event, and whose share it uses.
type charge struct {
	place uint64
	size  int64  // 0: it is no longer charged
	owner *share // nil: nobody's
}

// has reports whether an event is charged.
func (c *charges) has(place uint64) bool {
	_, stored := c.stored.find(place)
	_, read := c.read.find(place)
	return stored || read
}

// take removes the charge of an event, and returns it.
func (c *charges) take(place uint64) (charge, bool) {
	if x, ok := c.stored.take(place); ok {
		return x, true
	}
	return c.read.take(place)
}

// places are those of all events that are charged. None may be taken meanwhile.
func (c *charges) places() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, l := range []*chargeList{&c.stored, &c.read} {
			for i := range l.list {
				if l.list[i].size > 0 && !yield(l.list[i].place) {
					return
				}
			}
		}
	}
}

// move gives all events new places.
func (c *charges) move(to func(place uint64) uint64) {
	for _, l := range []*chargeList{&c.stored, &c.read} {
		for i := range l.list {
			l.list[i].place = to(l.list[i].place)
		}
		slices.SortFunc(l.list, func(a, b charge) int { return cmp.Compare(a.place, b.place) })
	}
}

// chargeList is a list of charges by place. Most come at its end and leave at its beginning.
type chargeList struct {
	list []charge
	gone int // charges that were taken, and whose room is not yet free
}

// add adds a charge; its place has none.
func (l *chargeList) add(c charge) {
	i, there := len(l.list), false
	if i > 0 && l.list[i-1].place >= c.place {
		i, there = l.search(c.place)
	}
	if there { // it had one
		l.list[i] = c
		l.gone--
		return
	}
	l.list = slices.Insert(l.list, i, c)
}

func (l *chargeList) search(place uint64) (int, bool) {
	return slices.BinarySearchFunc(l.list, place, func(c charge, place uint64) int { return cmp.Compare(c.place, place) })
}

// find returns where the charge of a place is, if it has one.
func (l *chargeList) find(place uint64) (int, bool) {
	i, ok := l.search(place)
	return i, ok && l.list[i].size > 0
}

func (l *chargeList) take(place uint64) (charge, bool) {
	i, ok := l.find(place)
	if !ok {
		return charge{}, false
	}
	c := l.list[i]
	l.list[i] = charge{place: place}
	l.gone++
	for i = 0; i < len(l.list) && l.list[i].size == 0; i++ {
	}
	if l.list = l.list[i:]; len(l.list) == 0 {
		*l = chargeList{}
	} else if l.gone > max(manyDone, len(l.list)) {
		left := make([]charge, 0, len(l.list))
		for _, c := range l.list {
			if c.size > 0 {
				left = append(left, c)
			}
		}
		l.list, l.gone = left, 0
	}
	return c, true
}
