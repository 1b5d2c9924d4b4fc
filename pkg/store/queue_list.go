package store

import (
	"context"
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/stream"
)

// findSpan is how far behind its arrival an event is looked for first: it is
// stored at once, unless it is replayed later.
const findSpan = time.Minute

// Load returns the bytes on disk of what waits, and since when the oldest
// event does; zero if none waits.
func (q *Queue) Load(ctx context.Context) (bytes uint64, oldest time.Time, err error) {
	state, err := q.state(ctx)
	if err != nil || state.Records == 0 {
		return 0, time.Time{}, err
	}
	return state.Bytes, state.Oldest, nil
}

// List returns events that wait, at most n, those stored last first. before is
// a place: of what it returned last, the Seq, for the next page; 0 begins.
func (q *Queue) List(ctx context.Context, before uint64, n int) ([]Stored, error) {
	var list []Stored
	err := q.each(ctx, before, func(r *Stored, _ time.Time) bool {
		if len(list) < n {
			list = append(list, *r)
		}
		return len(list) < n
	})
	return list, err
}

// Find returns an event that waits, by its id. It reads from the newest back
// to the time of the id, all of the queue at worst: some 100,000 events in a
// second.
func (q *Queue) Find(ctx context.Context, id string) (Stored, bool, error) {
	var found Stored
	received := deliverylog.IDTime(id)
	err := q.each(ctx, 0, func(r *Stored, at time.Time) bool {
		if r.ID == id {
			found = *r
		}
		return found.ID == "" && (received.IsZero() || !at.Before(received.Add(-findSpan)))
	})
	return found, found.ID != "", err
}

// each shows what waits, the last first, until visit returns false.
func (q *Queue) each(ctx context.Context, before uint64, visit func(r *Stored, at time.Time) bool) error {
	return q.st.Walk(ctx, "", before, func(m *stream.Record) bool {
		r, err := readRecord(m.Subject, m.Data)
		if err != nil {
			return true // Read will find it, and say so
		}
		q.mu.Lock()
		done := q.led.isDone(r.Conversation, m.Seq)
		q.mu.Unlock()
		return done || visit(&Stored{r, m.Seq}, m.Time())
	})
}
