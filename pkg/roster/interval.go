package roster

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Every refreshes all owners of the host that have a record, at each interval
// until ctx is done. It refreshes one at a time, so that other refreshes are not
// delayed.
func (h *Syncer) Every(ctx context.Context, interval time.Duration) {
	for {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return
		}
		for owner, err := range h.options().Cache.RosterOwners(ctx, h.Domain) {
			if err == nil {
				_, err = h.Refresh(ctx, owner, false)
			}
			if err != nil {
				if ctx.Err() == nil {
					h.Log.Error("periodic roster refresh interrupted", zap.String("host", h.Domain), zap.Error(err))
				}
				break
			}
		}
	}
}
