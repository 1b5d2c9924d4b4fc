// Package timing counts how long things took, in buckets that are the same
// everywhere, so that quantiles can be told of many observations at the cost of
// two atomic additions for each.
package timing

import (
	"sync/atomic"
	"time"
)

// Bounds returns the upper bounds of the buckets, in order. What took longer
// than the last is counted as well, in no bucket.
func Bounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// From what loopback takes to the longest timeout of the configuration.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

// Histogram counts durations. The zero Histogram is ready for use; its methods
// may be called from several goroutines.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // of each bucket alone; the last has the rest
	sum    atomic.Int64                   // nanoseconds
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Snapshot is what a histogram has counted so far.
type Snapshot struct {
	Count   uint64
	Sum     time.Duration
	Buckets []uint64 // for each of Bounds: how many took at most so long
}

// Snapshot returns what was counted so far. Of an observation in the same moment
// the sum may know and the count not, or the other way round.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{Sum: time.Duration(h.sum.Load()), Buckets: make([]uint64, len(bounds))}
	for i := range h.counts {
		s.Count += h.counts[i].Load()
		if i < len(bounds) {
			s.Buckets[i] = s.Count
		}
	}
	return s
}
