// Package timing has a histogram of durations with fixed buckets. An observation
// costs two atomic additions.
package timing

import (
	"sync/atomic"
	"time"
)

// Bounds returns the upper bounds of the buckets, in order. Longer durations are
// counted outside of all buckets.
func Bounds() []time.Duration { return append([]time.Duration(nil), bounds[:]...) }

// From the latency of loopback to the longest timeout of the configuration.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

// Histogram counts durations. The zero Histogram is ready for use; its methods
// may be called from several goroutines.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64 // per bucket, not cumulative; the last has the rest
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

// Snapshot is the state of a histogram.
type Snapshot struct {
	Count   uint64
	Sum     time.Duration
	Buckets []uint64 // for each of Bounds: how many durations are not above it
}

// Snapshot returns the current state. A concurrent observation may be in the sum and
// not in the counts, or the reverse.
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

// Since returns the durations that were observed after another snapshot of the same
// histogram; all of s if that has more, and so is of another one.
func (s Snapshot) Since(before Snapshot) Snapshot {
	switch {
	case before.Count > s.Count || len(before.Buckets) == 0:
		return s
	case before.Count == s.Count:
		return Snapshot{}
	}
	d := Snapshot{Count: s.Count - before.Count, Sum: s.Sum - before.Sum, Buckets: make([]uint64, len(s.Buckets))}
	for i := range s.Buckets {
		d.Buckets[i] = max(s.Buckets[i], before.Buckets[i]) - before.Buckets[i]
	}
	return d
}

// Plus returns the durations of both.
func (s Snapshot) Plus(other Snapshot) Snapshot {
	d := Snapshot{Count: s.Count + other.Count, Sum: s.Sum + other.Sum, Buckets: make([]uint64, len(bounds))}
	for _, part := range []Snapshot{s, other} {
		for i, n := range part.Buckets {
			d.Buckets[i] += n
		}
	}
	return d
}

// Quantile returns the duration that a part of all, from 0 to 1, is not above, as if the
// durations of a bucket were spread over it evenly; 0 if there are none.
func (s Snapshot) Quantile(part float64) time.Duration {
	rank := part * float64(s.Count)
	var below time.Duration
	var count uint64
	for i, n := range s.Buckets {
		if n > count && float64(n) >= rank {
			return below + time.Duration((rank-float64(count))/float64(n-count)*float64(bounds[i]-below)).Round(time.Microsecond)
		}
		below, count = bounds[i], n
	}
	if s.Count == 0 {
		return 0
	}
	return bounds[len(bounds)-1]
}
