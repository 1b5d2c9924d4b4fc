package store

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stanzahook/pkg/store/internal/stream"
)

// waiting is the stream of the events that wait for long: those of pulled endpoints, and
// those that held up EVENTS. They are removed by endpoint and conversation.
//
// Killed: as in EVENTS.
type waiting struct {
	st   *stream.Stream
	made time.Time
	top  atomic.Uint64 // the last event that was reported as stored
}

// older is what a queue has in WAITING; the queue's lock guards it.
type older struct {
	last          uint64         // place of its last event, but for those of a move under way
	conversations map[string]int // events that are not acknowledged
	// What is acknowledged and not yet removed: of a conversation up to a place, and places.
	finished map[string]uint64
	over     map[uint64]bool
	removals int // counts what was taken out of finished and over, since it is removed
	// Events that have moved since the start keep the place they had in EVENTS:
	// they are in memory with that. All of the queue up to movedTo have moved.
	moved     []pair
	movedDone int // of these
	movedTo   uint64
	held      []heldMove // the oldest first
	removed   uint64     // up to where what was acknowledged was removed last, while some are held

	moving  sync.Mutex
	broken  *move   // one that was broken off; moving guards it
	copying copying // on NATS: of a move that was broken off, what has no result yet; moving guards it
}

// allConversations is the name in finished that stands for all of them.
const allConversations = "*"

// copied is an event that has moved: from a place in EVENTS to one in WAITING.
type copied struct {
	from, to     uint64
	conversation string
}

// heldMove is a move whose originals may be in EVENTS still: none of its copies is removed before them.
type heldMove struct {
	last uint64 // original
	copy uint64 // of the first one
}

// pair is what is kept in memory of an event that has moved.
type pair struct {
	from, to uint64
	done     bool
}

// placeOf returns where in WAITING the event of a place is; false if it is in EVENTS.
func (o *older) placeOf(place uint64) (uint64, bool) {
	if place < firstRecent {
		return place, true
	}
	if i, ok := o.find(place); ok {
		return o.moved[i].to, true
	}
	return 0, false
}

// find returns where in moved a place is, or would be.
func (o *older) find(place uint64) (int, bool) {
	return slices.BinarySearchFunc(o.moved, place, func(p pair, place uint64) int { return cmp.Compare(p.from, place) })
}

// after returns the place in WAITING after which the events after a place are.
func (o *older) after(place uint64) uint64 {
	if place < firstRecent || len(o.moved) == 0 {
		return min(place, firstRecent-1)
	}
	i, ok := o.find(place)
	switch {
	case ok:
		return o.moved[i].to
	case i == 0:
		return o.moved[0].to - 1
	}
	return o.moved[i-1].to
}

// origin returns the place that an event in WAITING has for the queue's worker.
func (o *older) origin(seq uint64) uint64 {
	i, ok := slices.BinarySearchFunc(o.moved, seq, func(p pair, seq uint64) int { return cmp.Compare(p.to, seq) })
	if ok {
		return o.moved[i].from
	}
	return seq
}

// isFinished reports whether an event in WAITING is acknowledged and not yet removed.
func (o *older) isFinished(conversation string, seq uint64) bool {
	return seq <= o.finished[conversation] || seq <= o.finished[allConversations] || o.over[seq]
}

// add adds events that have moved, all of the queue up to a place.
func (o *older) add(list []copied, movedTo uint64) {
	o.moved = slices.Grow(o.moved, len(list))
	for i := range list {
		o.conversations[list[i].conversation]++
		o.moved = append(o.moved, pair{from: list[i].from, to: list[i].to})
	}
	if len(list) > 0 {
		o.last = max(o.last, list[len(list)-1].to)
		o.held = append(o.held, heldMove{list[len(list)-1].from, list[0].to})
	}
	o.movedTo = max(o.movedTo, movedTo)
}

// removable returns up to which place events may be removed.
func (o *older) removable(isGone func(original uint64) bool) uint64 {
	for len(o.held) > 0 && isGone(o.held[0].last) {
		o.held = o.held[1:]
	}
	if len(o.held) == 0 {
		o.held = nil
		return math.MaxUint64
	}
	return o.held[0].copy - 1
}

// finish notes that an event, and all of its conversation before it, is acknowledged.
func (o *older) finish(conversation string, seq uint64) {
	o.gone(conversation, seq)
	if o.finished[conversation] = max(o.finished[conversation], seq); len(o.conversations) == 0 {
		o.finished = map[string]uint64{allConversations: o.last}
	}
}

// gone notes that an event is acknowledged or was removed.
func (o *older) gone(conversation string, seq uint64) {
	if o.conversations[conversation]--; o.conversations[conversation] <= 0 {
		delete(o.conversations, conversation)
	}
	place := o.origin(seq)
	if place == seq {
		return
	}
	i, _ := o.find(place)
	o.moved[i].done = true
	o.movedDone++
	o.trim()
}

// manyDone is how many of the places in moved may be of no use.
const manyDone = 1024

// trim forgets those that have moved and are done: the first ones, and all if they are many.
func (o *older) trim() {
	i := 0
	for ; i < len(o.moved) && o.moved[i].done; i++ {
	}
	o.moved = o.moved[i:]
	if o.movedDone -= i; o.movedDone > max(manyDone, len(o.moved)/2) {
		o.moved = slices.DeleteFunc(o.moved, func(p pair) bool { return p.done })
		o.movedDone = 0
	}
	if len(o.moved) == 0 {
		o.moved = nil
	}
}
