package store

import (
	"context"
	"time"
)

// erasedEvery is how often what removed records have left is looked at, besides when there is too
// much of it.
const erasedEvery = 10 * time.Second

// sweepErased removes what removed records of buckets have left, where that is too much, until
// ctx ends.
func (s *Store) sweepErased(ctx context.Context) {
	tick := time.NewTicker(erasedEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.disk.erased:
		case <-ctx.Done():
			return
		}
		for _, st := range s.streams {
			if !s.disk.mayRemove() || st.Sweep(ctx) != nil {
				break // the next round tries again; what ails the store is seen elsewhere
			}
		}
	}
}
