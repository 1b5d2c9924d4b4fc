package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// The subject of a batch says how many entries it has, so that their number is
// known without reading them.
const (
	logStream = "LOG"
	logPrefix = "log."
)

// archive is what an engine keeps for people to look at, the state of
// endpoints, what HTTP callers have asked, and the records of rosters.
type archive struct {
	logs      jetstream.Stream
	dead      jetstream.Stream
	requests  jetstream.Stream
	sent      jetstream.Stream
	rosters   jetstream.Stream
	jobs      jetstream.Stream
	endpoints jetstream.KeyValue
	features  jetstream.KeyValue
}

// openArchive opens the log last: with that, what waits to be logged goes to this
// engine.
func (e *engine) openArchive(ctx context.Context, o *Options) error {
	for _, open := range []func() error{
		func() error { return e.openDead(ctx, o) },
		func() error { return e.openEndpoints(ctx) },
		func() error { return e.openFeatures(ctx) },
		func() error { return e.openRequests(ctx, o) },
		func() error { return e.openSent(ctx, o) },
		func() error { return e.openRosters(ctx, o) },
		func() error { return e.openLog(ctx, o) },
	} {
		if err := open(); err != nil {
			return err
		}
	}
	return nil
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

func logCount(o *Options) int { return or(o.LogCount, 100_000) }

// logBytes is the share of the store that the delivery log may take.
func logBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/8) }

func (e *engine) openLog(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        logStream,
		Description: "what became of deliveries",
		Subjects:    []string{logPrefix + "*"},
		Retention:   jetstream.LimitsPolicy,
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardOld,
		MaxAge:      or(o.LogKeep, 24*time.Hour),
		MaxBytes:    logBytes(o),
		Duplicates:  time.Second, // not used
		AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("open the delivery log: %w", err)
	}
	e.logs = stream
	if o.journal == nil {
		o.journal = newJournal(o)
	}
	n, err := e.logged(ctx)
	if err != nil {
		return fmt.Errorf("open the delivery log: %w", err)
	}
	o.journal.writing <- struct{}{}
	o.journal.count = n
	o.journal.eng.Store(e)
	<-o.journal.writing
	return nil
}

// logged returns how many entries the log has.
func (e *engine) logged(ctx context.Context) (int, error) {
	info, err := e.logs.Info(ctx, jetstream.WithSubjectFilter(logPrefix+"*"))
	if err != nil {
		return 0, err
	}
	total := 0
	for subject, batches := range info.State.Subjects {
		total += entries(subject) * int(batches)
	}
	return total, nil
}

func entries(subject string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(subject, logPrefix))
	if err != nil {
		return 0
	}
	return n
}

// trimLog removes the oldest batches of a log that has too many entries, a
// sixteenth more than it must, so that this is not to be done for every batch.
// It returns how many entries are left.
//
// Killed at any point: it is done with the next batch.
func (e *engine) trimLog(ctx context.Context, o *Options) int {
	total, err := e.logged(ctx)
	if err != nil || total <= logCount(o) {
		return total // on an error: 0, and so it is counted again later
	}
	upTo := uint64(0)
	for from, aim := uint64(1), logCount(o)-logCount(o)/16; total > aim; {
		page, err := e.page(ctx, logStream, "", from, 32)
		if err != nil || len(page) == 0 {
			break
		}
		for _, m := range page {
			if total <= aim {
				break
			}
			total -= entries(m.subject)
			from, upTo = m.seq+1, m.seq
		}
	}
	if upTo > 0 {
		if err := e.logs.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
			o.Log.Warn("the delivery log cannot be shortened yet", zap.Error(err))
		}
	}
	return total
}
