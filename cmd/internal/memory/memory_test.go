package memory

import "testing"

// Memory is returned once after a storm, when the process is at rest; never while it is busy, and
// never where little was allocated.
func TestWatch(t *testing.T) {
	for name, x := range map[string]struct {
		mib  []float64 // allocated between two looks
		when []int     // which of them return memory
	}{
		"a start":          {[]float64{10, 0.5, 0.5, 0.5, 0.5}, nil},
		"a storm":          {[]float64{20, 30, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, []int{4}},
		"two storms":       {[]float64{20, 0, 0, 0, 0, 50, 0, 0, 0, 0}, []int{3, 8}},
		"busy":             {[]float64{20, 20, 2, 2, 2, 2, 2, 2, 2}, nil},
		"busy at times":    {[]float64{20, 0, 0, 2, 0, 0, 2, 0, 0, 0}, []int{9}},
		"little, for long": {[]float64{4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []int{12}},
	} {
		t.Run(name, func(t *testing.T) {
			var w Watch
			var when []int
			sum := 0.0
			for i, n := range x.mib {
				sum += n
				if w.Look(uint64(sum * (1 << 20))) {
					when = append(when, i)
				}
			}
			if len(when) != len(x.when) {
				t.Fatalf("returned at %v, not at %v", when, x.when)
			}
			for i := range when {
				if when[i] != x.when[i] {
					t.Errorf("returned at %v, not at %v", when, x.when)
				}
			}
		})
	}
}
