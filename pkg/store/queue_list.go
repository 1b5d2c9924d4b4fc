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

// Load returns the bytes of the waiting events, about, and since when the oldest waits;
// zero if none does.
func (q *Queue) Load(ctx context.Context) (bytes uint64, oldest time.Time, err error) {
	q.mu.Lock()
	size, inRecent := max(0, q.bytes), q.inRecent
	q.mu.Unlock()
	if size == 0 {
		return 0, time.Time{}, nil
	}
	first, err := q.qs.waiting.st.Page(ctx, q.olderSubject(allConversations), 1, 1)
	if err == nil && len(first) == 0 && inRecent {
		first, err = q.qs.recent.st.Page(ctx, q.recentSubject(allConversations), 1, 1)
	}
	if err != nil || len(first) == 0 {
		return 0, time.Time{}, err
	}
	return uint64(size), first[0].Time(), nil
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
	q.mu.Lock()
	inRecent, movedTo := q.inRecent, q.movedTo
	q.mu.Unlock()
	on := true
	show := func(m *stream.Record) bool {
		if m.Seq >= firstRecent && m.Seq <= movedTo {
			return true // shown where it has moved to
		}
		r, ok, err := q.read(ctx, m)
		on = err == nil && (!ok || visit(&r, m.Time()))
		return on
	}
	if inRecent && (before == 0 || before > movedTo) {
		if err := q.qs.recent.st.Walk(ctx, q.recentSubject(allConversations), before, show); err != nil || !on {
			return err
		}
	}
	if before >= firstRecent {
		q.mu.Lock()
		before = q.after(before-1) + 1
		q.mu.Unlock()
	}
	return q.qs.waiting.st.Walk(ctx, q.olderSubject(allConversations), before, show)
}
