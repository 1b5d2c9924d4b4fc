package timing_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/timing"
)

func TestHistogram(t *testing.T) {
	bounds := timing.Bounds()
	if !slices.IsSorted(bounds) {
		t.Fatalf("not in order: %v", bounds)
	}
	var h timing.Histogram
	if s := h.Snapshot(); s.Count != 0 || s.Sum != 0 || len(s.Buckets) != len(bounds) {
		t.Errorf("the zero histogram has %+v", s)
	}
	h.Observe(0)
	h.Observe(bounds[0])     // a bound belongs to its bucket
	h.Observe(bounds[0] + 1) // and no more
	h.Observe(time.Hour)     // in no bucket
	s := h.Snapshot()
	if s.Count != 4 || s.Buckets[0] != 2 || s.Buckets[1] != 3 || s.Buckets[len(bounds)-1] != 3 || s.Sum != time.Hour+2*bounds[0]+1 {
		t.Errorf("%+v", s)
	}
}

// What was observed between two snapshots, of two histograms together, and its quantiles.
func TestQuantiles(t *testing.T) {
	var h, other timing.Histogram
	if q := h.Snapshot().Quantile(0.5); q != 0 {
		t.Errorf("of nothing: %v", q)
	}
	h.Observe(time.Minute)
	before := h.Snapshot()
	for range 3 {
		h.Observe(2 * time.Millisecond)
	}
	other.Observe(400 * time.Millisecond)
	s := h.Snapshot().Since(before).Plus(other.Snapshot()).Plus(timing.Snapshot{})
	if s.Count != 4 || s.Sum != 406*time.Millisecond || s.Quantile(0.5) != 2*time.Millisecond || s.Quantile(0.99) != 490*time.Millisecond || s.Quantile(0) > time.Millisecond {
		t.Errorf("%+v: %v, %v", s, s.Quantile(0.5), s.Quantile(0.99))
	}
	if s := other.Snapshot().Since(h.Snapshot()); s.Count != 1 {
		t.Errorf("since a snapshot of another histogram: %+v", s)
	}
	other.Observe(time.Hour)
	if q := other.Snapshot().Quantile(1); q != 5*time.Minute {
		t.Errorf("beyond all buckets: %v", q)
	}
}

func TestHistogramConcurrent(t *testing.T) {
	var h timing.Histogram
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				h.Observe(time.Millisecond)
				if s := h.Snapshot(); s.Count < s.Buckets[len(s.Buckets)-1] {
					t.Errorf("%d are in the buckets, and %d in all", s.Buckets[len(s.Buckets)-1], s.Count)
				}
			}
		})
	}
	wg.Wait()
	if s := h.Snapshot(); s.Count != 4000 || s.Sum != 4*time.Second {
		t.Errorf("%+v", s)
	}
}

func BenchmarkObserve(b *testing.B) {
	var h timing.Histogram
	for b.Loop() {
		h.Observe(400 * time.Microsecond)
	}
}
