package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	rosterStream = "ROSTERS"
	rosterPrefix = "roster."
	jobStream    = "JOBS"
	jobPrefix    = "job."
)

// ErrChanged means that what should be replaced is not what is stored any more.
var ErrChanged = errors.New("it has changed meanwhile")

// rosterBytes is the share of the store that the records of rosters may take;
// jobs may take an eighth of that.
func rosterBytes(o *Options) int64 { return max(1<<20, o.MaxBytes/16) }

func (e *engine) openRosters(ctx context.Context, o *Options) error {
	open := func(name, about, subjects string, bytes int64, discard jetstream.DiscardPolicy, age time.Duration) (jetstream.Stream, error) {
		stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name:              name,
			Description:       about,
			Subjects:          []string{subjects},
			Retention:         jetstream.LimitsPolicy,
			Storage:           jetstream.FileStorage,
			Discard:           discard,
			MaxAge:            age,
			MaxBytes:          bytes,
			MaxMsgsPerSubject: 1,
			Duplicates:        time.Second, // not used
			AllowDirect:       true,
		})
		if err != nil {
			return nil, fmt.Errorf("open the %s: %w", about, err)
		}
		return stream, nil
	}
	var err error
	if e.rosters, err = open(rosterStream, "records of rosters", rosterPrefix+"*.*", rosterBytes(o), jetstream.DiscardNew, 0); err != nil {
		return err
	}
	e.jobs, err = open(jobStream, "roster jobs", jobPrefix+"*", rosterBytes(o)/8, jetstream.DiscardOld, o.JobKeep)
	return err
}

// rosterSubject is what an owner's record is found by; it can be read back.
func rosterSubject(user, host string) string {
	return rosterPrefix + readable(host) + "." + readable(user)
}

// readable is a text as part of a subject, from which it can be read back.
func readable(s string) string { return token.EncodeToString([]byte(s)) }

// Roster returns the record of the roster of user at host and its revision;
// nothing and 0 if there is none.
func (s *Store) Roster(ctx context.Context, user, host string) ([]byte, uint64, error) {
	return read(ctx, s.eng.Load().rosters, rosterSubject(user, host), "the record of a roster")
}

// PutRoster stores the record of a roster in the place of the one with this
// revision (0: there is none), and returns the new revision.
//
// Killed before it returns: the record is the old one or the new one.
// Errors: ErrChanged, ErrFull.
func (s *Store) PutRoster(ctx context.Context, user, host string, record []byte, revision uint64) (uint64, error) {
	m := nats.NewMsg(rosterSubject(user, host))
	m.Data = record
	ack, err := s.publishAck(ctx, m, rosterStream, jetstream.WithExpectLastSequencePerSubject(revision))
	var api *jetstream.APIError
	switch {
	case err == nil:
		return ack.Sequence, nil
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return 0, ErrChanged
	}
	return 0, fmt.Errorf("store the record of a roster: %w", err)
}

// RosterUsers are the users of a host whose rosters have a record, in no order.
func (s *Store) RosterUsers(ctx context.Context, host string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefix := rosterPrefix + readable(host) + "."
		info, err := s.eng.Load().rosters.Info(ctx, jetstream.WithSubjectFilter(prefix+"*"))
		if err != nil {
			yield("", fmt.Errorf("list the rosters: %w", err))
			return
		}
		for subject := range info.State.Subjects {
			user, err := token.DecodeString(strings.TrimPrefix(subject, prefix))
			if err != nil {
				continue // not one of ours
			}
			if !yield(string(user), nil) {
				return
			}
		}
	}
}

// PutJob stores how far a roster job is. When the share of these is full, the
// oldest go.
//
// Killed before it returns: what is known of the job is as it was before.
func (s *Store) PutJob(ctx context.Context, id string, data []byte) error {
	m := nats.NewMsg(jobPrefix + readable(id))
	m.Data = data
	if err := s.publishOne(ctx, m, jobStream); err != nil {
		return fmt.Errorf("store a roster job: %w", err)
	}
	return nil
}

// Job returns what is stored of a roster job; nil if there is none.
func (s *Store) Job(ctx context.Context, id string) ([]byte, error) {
	data, _, err := read(ctx, s.eng.Load().jobs, jobPrefix+readable(id), "a roster job")
	return data, err
}

// read returns the one message of a subject.
func read(ctx context.Context, stream jetstream.Stream, subject, what string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, 0, nil
	case err != nil:
		return nil, 0, fmt.Errorf("read %s: %w", what, err)
	}
	return m.Data, m.Sequence, nil
}
