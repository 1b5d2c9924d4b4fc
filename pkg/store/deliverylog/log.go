package deliverylog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// The subject of a batch says how many entries it has, so that their number is
// known without reading them.
const (
	streamName    = "LOG"
	subjectPrefix = "log."
)

// Options configure a log.
type Options struct {
	Keep     time.Duration // for how long entries are kept
	Count    int           // how many deliveries are kept
	MaxBytes int64
	// Refuses says why nothing may be written for now, or nil.
	Refuses func() error
	Log     *zap.Logger
}

// Log is the delivery log.
type Log struct {
	o       Options
	st      *stream.Stream
	dropped atomic.Uint64
	writer

	searching chan struct{} // a token for each search
}

// Stream is the stream of a log.
func Stream(srv *stream.Server, o Options) *stream.Stream {
	return srv.Stream(stream.Config{
		Name: streamName, About: "delivery log", Subjects: subjectPrefix + "*", MaxAge: o.Keep, MaxBytes: o.MaxBytes,
	})
}

// Open opens the log in a server.
func Open(ctx context.Context, srv *stream.Server, o Options) (*Log, error) {
	l := &Log{o: o, writer: newWriter(), searching: make(chan struct{}, searches)}
	l.st = Stream(srv, o)
	if err := l.Reopen(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Reopen opens the log's stream, also in a new server.
func (l *Log) Reopen(ctx context.Context) error {
	if err := l.st.Open(ctx); err != nil {
		return err
	}
	n, err := l.stored(ctx)
	if err != nil {
		return fmt.Errorf("open the delivery log: %w", err)
	}
	l.writing <- struct{}{}
	l.count = n
	<-l.writing
	return nil
}

// stored returns how many entries the stream has.
func (l *Log) stored(ctx context.Context) (int, error) {
	state, err := l.st.StateOf(ctx, subjectPrefix+"*")
	if err != nil {
		return 0, err
	}
	total := 0
	for subject, batches := range state.Subjects {
		total += entries(subject) * int(batches)
	}
	return total, nil
}

func entries(subject string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(subject, subjectPrefix))
	if err != nil {
		return 0
	}
	return n
}

// trim removes the oldest batches of a log that has too many entries, a sixteenth
// more than it must, so that this is not to be done for every batch. It returns how
// many entries are left.
//
// Killed at any point: it is done with the next batch.
func (l *Log) trim(ctx context.Context) int {
	total, err := l.stored(ctx)
	if err != nil || total <= l.o.Count {
		return total // on an error: 0, and so it is counted again later
	}
	before := uint64(0)
	for from, aim := uint64(1), l.o.Count-l.o.Count/16; total > aim; {
		page, err := l.st.Page(ctx, "", from, 32)
		if err != nil || len(page) == 0 {
			break
		}
		for _, r := range page {
			if total <= aim {
				break
			}
			total -= entries(r.Subject)
			from, before = r.Seq+1, r.Seq+1
		}
	}
	if before > 0 {
		if err := l.st.Purge(ctx, "", before); err != nil {
			l.o.Log.Warn("delivery log not trimmed", zap.Error(err))
		}
	}
	return total
}
