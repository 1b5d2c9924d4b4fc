package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/stream"
)

const (
	deadPrefix = "dlq." // of subjects
	// deadOutbox stands for no endpoint; no endpoint can have this name.
	deadOutbox = "_outbox"
	// wholeAnswers is how many answers of a dead letter are kept whole, those of the
	// latest attempts; the others are cut.
	wholeAnswers = 4
	shortAnswer  = 128
	shortNote    = 64
)

// DeadLetter is a stanza that was accepted and could not be delivered.
// Times are kept in whole milliseconds.
type DeadLetter struct {
	Record
	Endpoint               string // empty: a stanza for the XMPP server that waited too long in the outbox
	Type, From, To, Reason string
	Died                   time.Time
	Attempts               []deliverylog.Attempt // the latest 50 are kept
}

func deadConfig(o *Options) stream.Config {
	return stream.Config{
		Name: "DLQ", About: "dead letters", Subjects: deadPrefix + "*.*", MaxAge: o.DeadKeep, MaxBytes: deadBytes(o), MaxPerSubject: 1,
	}
}

// DeadLetters are the dead letters of all endpoints and of the outbox.
type DeadLetters struct {
	// Evicted counts those that were removed because their sender exceeded its share.
	Evicted atomic.Int64

	st     *stream.Stream
	disk   *disk
	log    *zap.Logger
	shares *deadShares
}

func deadSubject(endpoint, id string) string {
	return deadPrefix + cmp.Or(endpoint, deadOutbox) + "." + id
}

// isToken reports whether an id can be a part of a subject.
func isToken(id string) bool { return id != "" && !strings.ContainsAny(id, ".*> \t\r\n\x00") }

// Put stores a dead letter and returns when it is on disk. Only then the original may be
// removed. It replaces an older one of the same endpoint and id. If the sender exceeds
// its share, its oldest dead letters are removed.
//
// Killed before it returns: the original is still where it was, and becomes a dead
// letter again.
//
// Errors: gateway.ErrFull.
func (l *DeadLetters) Put(ctx context.Context, d *DeadLetter) error {
	if !isToken(d.ID) {
		return fmt.Errorf("store a dead letter: %q is not an id", d.ID)
	}
	if err := l.disk.refusesHistory(); err != nil {
		return err
	}
	m := stream.Message{Subject: deadSubject(d.Endpoint, d.ID), Data: d.data()}
	err := l.inShare(ctx, d, len(m.Data), func() (uint64, error) { return l.st.Put(ctx, &m) })
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("store dead letter %s: %w", d.ID, err)
	}
	return err
}

// Get returns a dead letter and its place. Errors: gateway.ErrNotFound.
func (l *DeadLetters) Get(ctx context.Context, id string) (DeadLetter, uint64, error) {
	if !isToken(id) {
		return DeadLetter{}, 0, gateway.ErrNotFound
	}
	r, err := l.st.Last(ctx, deadPrefix+"*."+id)
	if errors.Is(err, gateway.ErrNotFound) {
		return DeadLetter{}, 0, gateway.ErrNotFound
	}
	var d DeadLetter
	if err == nil {
		d, err = readDeadLetter(r.Data, false)
	}
	if err != nil {
		return DeadLetter{}, 0, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return d, r.Seq, nil
}

// List returns dead letters, those that died last first, without
// stanzas and answers; the State of the filter does not matter. next is the
// Cursor of the following page; empty: there is none.
func (l *DeadLetters) List(ctx context.Context, f deliverylog.Filter) (list []DeadLetter, next string, err error) {
	var before uint64
	if f.Cursor != "" {
		if before, err = strconv.ParseUint(f.Cursor, 10, 64); err != nil {
			return nil, "", fmt.Errorf("%w: it is not the cursor of a list of dead letters", gateway.ErrCursor)
		}
	}
	subject := deadPrefix + "*.*"
	if f.Endpoint != "" {
		subject = deadSubject(f.Endpoint, "*")
	}
	seqs := uint64(0)
	err = l.st.Walk(ctx, subject, before, func(r *stream.Record) bool {
		if r.Time().Add(deliverylog.ClockSlack).Before(f.After) {
			return false
		}
		d, err := readDeadLetter(r.Data, true)
		if err != nil {
			l.log.Error("dead letter unreadable", zap.Uint64("place", r.Seq), zap.Error(err))
			return true
		}
		if !f.Matches(d.Endpoint, d.From, d.To, d.Died) {
			return true
		}
		if len(list) == f.Size() {
			next = strconv.FormatUint(seqs, 10)
			return false
		}
		list, seqs = append(list, d), r.Seq
		return true
	})
	return list, next, err
}

// Remove removes the dead letter at a place, which was replayed or dropped.
// One of the same id that was stored meanwhile has another place, and stays.
//
// Killed before it returns: it may still be there. Errors: gateway.ErrNotFound.
func (l *DeadLetters) Remove(ctx context.Context, seq uint64) error {
	err := l.st.Delete(ctx, seq)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("remove a dead letter: %w", err)
	}
	return err
}

// Count returns how many dead letters an endpoint has; "" is the outbox.
func (l *DeadLetters) Count(ctx context.Context, endpoint string) (int, error) {
	return l.st.Count(ctx, deadSubject(endpoint, "*"))
}

// Counts is Count for several endpoints, by their names.
func (l *DeadLetters) Counts(ctx context.Context, endpoints []string) (map[string]int, error) {
	subjects := make([]string, len(endpoints))
	for i, name := range endpoints {
		subjects[i] = deadSubject(name, "*")
	}
	list, err := l.st.Counts(ctx, subjects)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(endpoints))
	for i, name := range endpoints {
		counts[name] = list[i]
	}
	return counts, nil
}
