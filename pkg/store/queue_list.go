package store

import (
	"context"
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/store/internal/stream"
)

// findSpan is how long after its arrival an event is stored at the latest, unless it is
// replayed.
const findSpan = time.Minute

// Load returns the bytes on disk of the waiting events, and since when the oldest waits;
// zero if none does.
func (q *Queue) Load(ctx context.Context) (bytes uint64, oldest time.Time, err error) {
	state, err := q.state(ctx)
	if err != nil || state.Records == 0 {
		return 0, time.Time{}, err
	}
	return state.Bytes, state.Oldest, nil
}

// List returns waiting events, at most n, those stored last first. before is the Seq of
// the last one of the page before; 0 for the first page.
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

// Find returns a waiting event by its id. It reads from the newest back to the time of
// the id, all of the queue at worst: some 100,000 events in a second.
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

// each visits waiting events, the last first, until visit returns false.
func (q *Queue) each(ctx context.Context, before uint64, visit func(r *Stored, at time.Time) bool) error {
	return q.st.Walk(ctx, "", before, func(m *stream.Record) bool {
		r, err := readRecord(m.Subject, m.Data)
		if err != nil {
			return true // damaged: Read removes and logs it
		}
		q.mu.Lock()
		done := q.led.isDone(r.Conversation, m.Seq)
		q.mu.Unlock()
		return done || visit(&Stored{r, m.Seq}, m.Time())
	})
}
