package stream

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// settingsFormat is that of the settings of streams, which the servers keep with each: a version that
	// needs others has a higher one. What it has set stays, also when a replica of an older version opens the stream.
	settingsFormat = 2
	formatKey      = "stanzahook_format"
)

// makeStream makes a stream, or gives it these settings, unless it has them, or a newer version has set others. Most
// have them: then only the leader of the stream is asked, and not that of the servers.
//
// Killed before it returns: the stream is there or not, with the settings of before or with these.
func (e *engine) makeStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	c.Metadata = map[string]string{formatKey: strconv.Itoa(settingsFormat)}
	stream, err := api(ctx, e, func(ctx context.Context) (jetstream.Stream, error) {
		stream, err := e.js.Stream(ctx, c.Name)
		if err == nil && stream.CachedInfo().Cluster != nil && stream.CachedInfo().Cluster.Leader == "" {
			return nil, nats.ErrNoResponders
		}
		return stream, err
	})
	switch {
	case err == nil && isSetBy(&stream.CachedInfo().Config, &c):
		return stream, nil
	case err != nil && !errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, err
	}
	return api(ctx, e, func(ctx context.Context) (jetstream.Stream, error) { return e.js.CreateOrUpdateStream(ctx, c) })
}

// isSetBy reports whether a stream has the settings of c, or those of a newer version.
func isSetBy(have, c *jetstream.StreamConfig) bool {
	format, _ := strconv.Atoi(have.Metadata[formatKey]) // 0 if there is none
	if format > settingsFormat {
		return true
	}
	want := *have
	want.Description, want.Subjects, want.Retention, want.Storage, want.Replicas = c.Description, c.Subjects, c.Retention, c.Storage, c.Replicas
	want.Discard, want.DiscardNewPerSubject, want.MaxAge, want.Duplicates = c.Discard, c.DiscardNewPerSubject, c.MaxAge, c.Duplicates
	want.AllowDirect, want.AllowRollup, want.DenyDelete = c.AllowDirect, c.AllowRollup, c.DenyDelete
	want.MaxBytes, want.MaxMsgs, want.MaxMsgsPerSubject = cmp.Or(c.MaxBytes, -1), cmp.Or(c.MaxMsgs, -1), cmp.Or(c.MaxMsgsPerSubject, -1) // as the server writes that there is no bound
	return format == settingsFormat && reflect.DeepEqual(&want, have)
}
