package app

import (
	"context"
	"strconv"
	"time"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/parts"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/webhook"
)

// epochHeader has the epoch of the active replica: a bot can tell a request of one that was frozen
// for a moment from those of the next one.
const epochHeader = "Stanzahook-Epoch"

// webhooks are the endpoints of a configuration, in its order.
func (a *App) webhooks(cfg *config.Config) []*webhook.Endpoint {
	all := parts.Webhooks(cfg)
	for _, e := range all {
		e.Files = a.filesOf(e)
		if st := a.role.Status(); st != nil {
			e.Headers.Set(epochHeader, strconv.FormatUint(st.Epoch, 10))
		}
	}
	return all
}

// openQueues opens the queues, with the events of the process before. Endpoints stop
// before the links, which their last replies need.
func (a *App) openQueues(ctx context.Context) error {
	for _, w := range a.workers {
		if err := w.Open(ctx, a.store); err != nil {
			return err
		}
	}
	a.removed = &delivery.Removed{Store: a.store, Sender: a.links, MaxAge: removedAge, Route: a.workerFor, Log: a.log, Watch: a.happenings.Watch()}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.removed.Run(run)
	}()
	a.onStop("queues of removed endpoints", func(context.Context) {
		cancel()
		<-done
	})
	return nil
}

// removedAge is how long the events of a removed endpoint wait. Its configuration is
// gone, so this is the default of retry.max_age.
const removedAge = 24 * time.Hour
