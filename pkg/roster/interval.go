package roster

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Every refreshes the owners of the host who have a record, one after the other
// so that others are not kept, and again when an interval has passed, until ctx
// is done.
func (h *Host) Every(ctx context.Context, interval time.Duration) {
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
					h.Log.Error("the regular refresh of the rosters ends early", zap.String("host", h.Domain), zap.Error(err))
				}
				break
			}
		}
	}
}
