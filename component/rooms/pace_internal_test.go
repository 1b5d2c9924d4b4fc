package rooms

import (
	"testing"
	"time"
)

// A server that does one join after the other, or several at once, near or far away: the joins
// under way are as many as it needs to be busy, and wait for each other for a short time.
func TestPace(t *testing.T) {
	const rooms = 1000
	for _, tc := range []struct {
		name      string
		work, way time.Duration // of one join; to the server and back
		workers   int
		most      time.Duration // that all may take
		queue     time.Duration // how long one may wait at the server, at most, once the pace is found
	}{
		{"one after the other", 2 * time.Millisecond, 200 * time.Microsecond, 1, 2100 * time.Millisecond, 14 * time.Millisecond},
		{"slow", 4 * time.Millisecond, 200 * time.Microsecond, 1, 4200 * time.Millisecond, 16 * time.Millisecond},
		{"far away", 2 * time.Millisecond, 60 * time.Millisecond, 1, 3 * time.Second, 50 * time.Millisecond},
		{"eight at once", 2 * time.Millisecond, time.Millisecond, 8, 400 * time.Millisecond, 20 * time.Millisecond},
	} {
		p := newPace()
		var now, longest time.Duration
		free := make([]time.Duration, tc.workers) // when each of the workers of the server has nothing more to do
		type join struct{ began, ends time.Duration }
		var under []join
		for n := 0; n < rooms || len(under) > 0; {
			for n < rooms && len(under) < p.joins() {
				w := 0
				for i := range free {
					if free[i] < free[w] {
						w = i
					}
				}
				starts := max(free[w], now+tc.way/2)
				if n > rooms/4 {
					longest = max(longest, starts-now-tc.way/2)
				}
				free[w] = starts + tc.work
				under = append(under, join{now, free[w] + tc.way/2})
				n++
			}
			first := 0
			for i := range under {
				if under[i].ends < under[first].ends {
					first = i
				}
			}
			now = under[first].ends
			p.took(now - under[first].began)
			under = append(under[:first], under[first+1:]...)
		}
		if now > tc.most || longest > tc.queue {
			t.Errorf("%s: %v for all, and one has waited %v; want %v and %v", tc.name, now, longest, tc.most, tc.queue)
		}
	}
}
