package store

import (
	"context"
	"errors"
	"iter"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// Rosters are the records of rosters, by their owners, and of the jobs that refresh
// them.
type Rosters struct{ records, jobs bucket }

func rostersConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "ROSTERS", About: "records of rosters", Subjects: "roster.*.*", MaxBytes: rosterBytes(o), RefuseNew: true,
	}, what: "the record of a roster"}
}

func jobsConfig(o *Options) bucketConfig {
	return bucketConfig{Config: stream.Config{
		Name: "JOBS", About: "roster jobs", Subjects: "job.*", MaxBytes: rosterBytes(o) / 8, MaxAge: o.JobKeep,
	}, what: "a roster job"}
}

// rosterKey is what an owner's record is found by; it can be read back.
func rosterKey(user, host string) string { return readable(host) + "." + readable(user) }

// Get returns the record of the roster of user at host and its revision; nothing and 0
// if there is none.
func (r *Rosters) Get(ctx context.Context, user, host string) ([]byte, uint64, error) {
	data, revision, err := r.records.get(ctx, rosterKey(user, host))
	if errors.Is(err, gateway.ErrNotFound) {
		err = nil
	}
	return data, revision, err
}

// Put stores the record of a roster in the place of the one with this revision (0:
// there is none), and returns the new revision.
//
// Killed before it returns: the record is the old one or the new one.
// Errors: gateway.ErrChanged, gateway.ErrFull.
func (r *Rosters) Put(ctx context.Context, user, host string, record []byte, revision uint64) (uint64, error) {
	return r.records.replace(ctx, rosterKey(user, host), record, revision)
}

// Users are the users of a host whose rosters have a record, in no order.
func (r *Rosters) Users(ctx context.Context, host string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for key, err := range r.records.keys(ctx, readable(host)+".") {
			user, damaged := token.DecodeString(key)
			if damaged != nil {
				continue // not one of ours
			}
			if !yield(string(user), err) {
				return
			}
		}
	}
}

// PutJob stores how far a roster job is. When the share of these is full, the
// oldest go.
//
// Killed before it returns: what is known of the job is as it was before.
func (r *Rosters) PutJob(ctx context.Context, id string, data []byte) error {
	return r.jobs.put(ctx, readable(id), data)
}

// Job returns what is stored of a roster job; nil if there is none.
func (r *Rosters) Job(ctx context.Context, id string) ([]byte, error) {
	data, _, err := r.jobs.get(ctx, readable(id))
	if errors.Is(err, gateway.ErrNotFound) {
		err = nil
	}
	return data, err
}
