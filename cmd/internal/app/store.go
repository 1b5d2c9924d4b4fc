package app

import (
	"context"
	"errors"
	"time"

	"stanzahook/cmd/internal/livecheck"
	"stanzahook/component/presence"
	"stanzahook/pkg/store"
)

func (a *App) openStore(ctx context.Context) error {
	o := livecheck.StoreOptions(a.cfg)
	o.Log, o.OnHung = a.log, a.onStoreHung
	switch {
	case o.NATS != nil && a.role == nil:
		return errors.New("store.nats: this process has no role among the replicas")
	case o.NATS != nil:
		o.NATS.OnWaiting = func(why error) { a.role.Waits(why) }
		o.NATS.Holds = a.role.Holds
	}
	s, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	a.store, a.features = s, livecheck.NewHostFeatures(s.Features())
	a.onStop("store", func(context.Context) { s.Close() })
	a.subscribers, err = presence.LoadSubscribers(ctx, s.Subscribers(), a.log)
	return err
}

// storePatience is how long a status waits for NATS. The state of everything is wanted most
// while NATS does not answer: what only it knows is left out then.
const storePatience = 2 * time.Second

// statusTime bounds how long a status waits for a store on NATS.
func (a *App) statusTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.store.Remote() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, storePatience)
}
