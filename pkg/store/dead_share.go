package store

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// deadShares are the dead letters of each sender that were stored since the start. A
// sender has a quarter of what they may take; who is over it loses the oldest of his
// own, and nobody else does.
type deadShares struct {
	most int64

	mu    sync.Mutex
	eng   *engine // whose places these are; a new one may begin to count anew
	all   map[string]*deadShare
	count int // of letters, in all
	swept int // of these, those that were left by the last sweep
}

type deadShare struct {
	bytes   int64
	letters []deadLetter // in the order of their places
}

type deadLetter struct {
	seq  uint64
	size int64
}

// sweepDead is after how many letters what is gone from the store is forgotten.
const sweepDead = 1000

func newDeadShares(o *Options) *deadShares {
	return &deadShares{most: deadBytes(o) / 4, all: make(map[string]*deadShare)}
}

// owner is whose share a dead letter takes: the sender's, whatever resource he used.
func (d *Dead) owner() string {
	bare, _, _ := strings.Cut(d.From, "/")
	return or(d.Sender, bare)
}

// add notes a letter, and returns those of the same owner that are too many. first is
// asked for the first place that is still in the store.
func (d *deadShares) add(e *engine, owner string, l deadLetter, first func() uint64) (over []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.eng != e {
		d.eng, d.count, d.swept = e, 0, 0
		clear(d.all)
	}
	if d.count-d.swept >= max(sweepDead, d.swept) {
		d.sweep(first())
	}
	s := d.all[owner]
	if s == nil {
		s = &deadShare{}
		d.all[owner] = s
	}
	s.letters = append(s.letters, l)
	s.bytes += l.size
	d.count++
	if s.bytes <= d.most || len(s.letters) == 1 {
		return nil
	}
	d.forget(s, func(old deadLetter) bool {
		if s.bytes <= d.most || old.seq == l.seq {
			return false
		}
		over = append(over, old.seq)
		return true
	})
	return over
}

// sweep forgets what has left the store. d.mu is held.
func (d *deadShares) sweep(first uint64) {
	for owner, s := range d.all {
		d.forget(s, func(l deadLetter) bool { return l.seq < first })
		if len(s.letters) == 0 {
			delete(d.all, owner)
		}
	}
	d.swept = d.count
}

// forget takes the oldest letters of a share away, as long as they are gone. d.mu is
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

// share makes room for a letter that was stored in the share of its sender.
func (s *Store) share(ctx context.Context, e *engine, d *Dead, seq uint64, size int) {
	over := s.shares.add(e, d.owner(), deadLetter{seq, int64(size + recordBytes)}, func() uint64 {
		info, err := e.dead.Info(ctx)
		if err != nil {
			return 0 // the next sweep will tell
		}
		return info.State.FirstSeq
	})
	for _, seq := range over {
		if e.dead.DeleteMsg(ctx, seq) == nil { // else it was removed already
			s.Evicted.Add(1)
		}
	}
}
