package app

import (
	"context"
	"errors"

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
		o.NATS.Holds, o.NATS.Keeps = a.role.Holds, a.role.Keeps
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
