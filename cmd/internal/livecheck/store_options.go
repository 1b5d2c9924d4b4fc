package livecheck

import (
	"stanzahook/cmd/internal/config"
	"stanzahook/pkg/roster"
	"stanzahook/pkg/store"
)

// StoreOptions are the options of the store of a configuration.
func StoreOptions(cfg *config.Config) store.Options {
	return store.Options{
		Dir: cfg.Store.Dir, NATS: NATS(cfg), Sync: store.Sync(cfg.Store.Sync), MaxBytes: int64(cfg.Store.MaxBytes), MaxStanzaBytes: cfg.LargestStanza(),
		OutboxBytes: min(int64(cfg.Outbox.MaxBytes), int64(cfg.Store.MaxBytes)/4), OutboxCount: int64(cfg.Outbox.MaxCount),
		JobKeep: roster.JobKeep, LogKeep: cfg.Deliveries.Keep, LogCount: cfg.Deliveries.MaxCount,
		DeadKeep: cfg.DeadLetters.Keep, DeadBytes: min(int64(cfg.DeadLetters.MaxBytes), int64(cfg.Store.MaxBytes)/4),
	}
}
