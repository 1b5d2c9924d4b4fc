package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

const (
	deadStream = "DLQ"
	deadPrefix = "dlq."
	// deadOutbox stands for no endpoint; no endpoint can have this name.
	deadOutbox = "_outbox"
	// wholeAnswers is how many answers of a dead letter are kept as they were,
	// those of the latest attempts; of the others, only the beginning is.
	wholeAnswers = 4
	shortAnswer  = 128
	shortNote    = 64
)

// Dead is a dead letter: a stanza that was taken and could not be delivered.
// Times are kept in whole milliseconds.
type Dead struct {
	Record
	Endpoint               string // empty: a stanza for the XMPP server that waited too long in the outbox
	Type, From, To, Reason string
	Died                   time.Time
	Attempts               []Attempt // the latest 50 are kept
}

func (e *engine) openDead(ctx context.Context, o *Options) error {
	stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:              deadStream,
		Description:       "stanzas that could not be delivered",
		Subjects:          []string{deadPrefix + "*.*"},
		Retention:         jetstream.LimitsPolicy,
		Storage:           jetstream.FileStorage,
		Discard:           jetstream.DiscardOld,
		MaxAge:            or(o.DeadKeep, 14*24*time.Hour),
		MaxBytes:          deadBytes(o),
		MaxMsgsPerSubject: 1,
		Duplicates:        time.Second, // not used
		AllowDirect:       true,
	})
	if err != nil {
		return fmt.Errorf("open the dead letters: %w", err)
	}
	e.dead = stream
	return nil
}

// deadBytes is the share of the store that dead letters may take.
func deadBytes(o *Options) int64 {
	return max(1<<20, min(or(o.DeadBytes, 1<<30), o.MaxBytes/4))
}

func deadSubject(endpoint, id string) string { return deadPrefix + or(endpoint, deadOutbox) + "." + id }

// isToken reports whether an id can be a part of a subject.
func isToken(id string) bool { return id != "" && !strings.ContainsAny(id, ".*> \t\r\n\x00") }

// Bury stores a dead letter and returns when it is on disk. Only then the
// original may be removed. One of the same endpoint and id takes the place of
// the older one; of a sender who has more than his share, the oldest go.
//
// Killed before it returns: the original is still where it was, and is buried
// again.
//
// Errors: ErrFull.
func (s *Store) Bury(ctx context.Context, d Dead) error {
	if !isToken(d.ID) {
		return fmt.Errorf("bury a dead letter: %q is not an id", d.ID)
	}
	e := s.eng.Load()
	if e.broken.Load() || low(s.o.Dir) {
		return errBroken
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, publishTimeout)
		defer cancel()
	}
	m := nats.NewMsg(deadSubject(d.Endpoint, d.ID))
	m.Data = d.data()
	err := s.inShare(ctx, e, &d, len(m.Data), func() (uint64, error) {
		ack, err := e.js.PublishMsg(ctx, m, jetstream.WithExpectStream(deadStream))
		if err != nil {
			return 0, err
		}
		return ack.Sequence, nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("bury dead letter %s: %w", d.ID, err)
	}
	return e.failure(err)
}

// DeadLetter returns a dead letter and its place. Errors: ErrNotFound.
func (s *Store) DeadLetter(ctx context.Context, id string) (Dead, uint64, error) {
	if !isToken(id) {
		return Dead{}, 0, ErrNotFound
	}
	m, err := s.eng.Load().dead.GetLastMsgForSubject(ctx, deadPrefix+"*."+id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Dead{}, 0, ErrNotFound
	}
	if err != nil {
		return Dead{}, 0, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	d, err := readDead(m.Data, false)
	if err != nil {
		return Dead{}, 0, fmt.Errorf("read dead letter %s: %w", id, err)
	}
	return d, m.Sequence, nil
}

// DeadLetters returns dead letters, those that died last first, without
// stanzas and answers; the State of the filter does not matter. next is the
// Cursor of the following page; empty: there is none.
func (s *Store) DeadLetters(ctx context.Context, f Filter) (list []Dead, next string, err error) {
	var before uint64
	if f.Cursor != "" {
		if before, err = strconv.ParseUint(f.Cursor, 10, 64); err != nil {
			return nil, "", fmt.Errorf("%w: it is not the cursor of a list of dead letters", ErrCursor)
		}
	}
	subject := deadPrefix + "*.*"
	if f.Endpoint != "" {
		subject = deadSubject(f.Endpoint, "*")
	}
	seqs := uint64(0)
	err = s.eng.Load().walk(ctx, deadStream, subject, before, func(m walked) bool {
		if m.time.Add(clockSlack).Before(f.After) {
			return false
		}
		d, err := readDead(m.data, true)
		if err != nil {
			s.log.Error("a dead letter cannot be read", zap.Uint64("place", m.seq), zap.Error(err))
			return true
		}
		if !f.takes(d.Endpoint, d.From, d.To, d.Died) {
			return true
		}
		if len(list) == f.limit() {
			next = strconv.FormatUint(seqs, 10)
			return false
		}
		list, seqs = append(list, d), m.seq
		return true
	})
	return list, next, err
}

// ErrCursor means that a cursor is not one that was given out.
var ErrCursor = errors.New("the cursor is wrong")

// Unbury removes the dead letter at a place, which was replayed or dropped. One
// of the same id that was buried meanwhile has another place, and stays.
//
// Killed before it returns: it may still be there. Errors: ErrNotFound.
func (s *Store) Unbury(ctx context.Context, seq uint64) error {
	err := s.eng.Load().dead.DeleteMsg(ctx, seq)
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrMsgNotFound), errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeMessageNotFound,
		errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful):
		return ErrNotFound
	}
	return fmt.Errorf("remove a dead letter: %w", err)
}

// CountDead returns how many dead letters an endpoint has; "" is the outbox.
func (s *Store) CountDead(ctx context.Context, endpoint string) (int, error) {
	list, err := s.eng.Load().page(ctx, deadStream, deadSubject(endpoint, "*"), 1, 1)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return 1 + list[0].left, nil
}
