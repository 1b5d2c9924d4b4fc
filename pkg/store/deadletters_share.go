package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
)

// deadShares counts the dead letters of each sender since the start. A sender may use a
// quarter of the room; over it, the oldest of its own are removed, and no others.
type deadShares struct {
	most int64

	mu    sync.Mutex
	all   map[string]*deadShare
	count int // of letters, in all
	swept int // of these, those that were left by the last sweep
}

type deadShare struct {
	turn    sync.Mutex   // held while letters are removed for another one
	bytes   int64        // with those that are being stored
	letters []deadLetter // those that are stored, about in the order of their places
}

type deadLetter struct {
	seq  uint64
	size int64
}

// sweepDead is after how many letters those that have left the store are forgotten.
const sweepDead = 1000

func newDeadShares(bytes int64) *deadShares {
	return &deadShares{most: bytes / 4, all: make(map[string]*deadShare)}
}

// owner returns whose share a dead letter uses: its sender, without the resource.
func (d *DeadLetter) owner() string {
	bare, _, _ := strings.Cut(d.From, "/")
	return cmp.Or(d.Sender, bare)
}

// of returns the share of an owner.
func (d *deadShares) of(owner string) *deadShare {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.all[owner]
	if s == nil {
		s = &deadShare{}
		d.all[owner] = s
	}
	return s
}

// reset forgets all letters: a stream that was opened anew may count from 1 again.
func (d *deadShares) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count, d.swept = 0, 0
	clear(d.all)
}

// admit reserves room for a letter if the share has enough.
func (d *deadShares) admit(s *deadShare, size int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.bytes+size > d.most {
		return false
	}
	s.bytes += size
	return true
}

// evict reserves room for a letter, and returns the letters to remove for it.
func (d *deadShares) evict(s *deadShare, size int64) (over []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget(s, func(old deadLetter) bool {
		if s.bytes+size <= d.most {
			return false
		}
		over = append(over, old.seq)
		return true
	})
	s.bytes += size
	return over
}

// stored notes a letter with reserved room; first returns the first place that is still
// in the store. A letter without a place was not stored.
func (d *deadShares) stored(s *deadShare, l deadLetter, first func() uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l.seq == 0 {
		s.bytes -= l.size
		return
	}
	s.letters = append(s.letters, l)
	d.count++
	if d.count-d.swept >= max(sweepDead, d.swept) {
		d.sweep(first())
	}
}

// sweep forgets letters that have left the store. d.mu is held.
func (d *deadShares) sweep(first uint64) {
	for owner, s := range d.all {
		d.forget(s, func(l deadLetter) bool { return l.seq < first })
		if len(s.letters) == 0 && s.bytes == 0 {
			delete(d.all, owner)
		}
	}
	d.swept = d.count
}

// forget removes the oldest letters of a share as long as gone reports true. d.mu is
// held.
func (d *deadShares) forget(s *deadShare, gone func(deadLetter) bool) {
	n := 0
	for n < len(s.letters) && gone(s.letters[n]) {
		s.bytes -= s.letters[n].size
		n++
	}
	if s.letters = s.letters[n:]; cap(s.letters) > 2*len(s.letters)+16 {
		s.letters = slices.Clone(s.letters)
	}
	d.count -= n
}

// inShare stores a letter with put, which returns its place, in the share of its owner.
// It first removes the owner's oldest letters if the share is full, so that the stream
// never removes those of others.
func (l *DeadLetters) inShare(ctx context.Context, d *DeadLetter, size int, put func() (uint64, error)) error {
	share, bytes := l.shares.of(d.owner()), int64(size+recordBytes)
	if !l.shares.admit(share, bytes) {
		share.turn.Lock()
		defer share.turn.Unlock()
		for _, seq := range l.shares.evict(share, bytes) {
			if l.st.Delete(ctx, seq) == nil { // else it was removed already
				l.Evicted.Add(1)
			}
		}
	}
	seq, err := put()
	if err != nil {
		seq = 0
	}
	l.shares.stored(share, deadLetter{seq, bytes}, func() uint64 {
		state, err := l.st.State(ctx)
		if err != nil {
			return 0 // the next sweep tries again
		}
		return state.First
	})
	return err
}
