package store

import (
	"context"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// Read returns the next events of a conversation after a place, at most n.
// Records that are damaged are removed, and logged.
func (q *Queue) Read(ctx context.Context, conversation string, after uint64, n int) ([]Stored, error) {
	for {
		q.mu.Lock()
		movedTo, removals := q.movedTo, q.removals
		from, there := q.older.after(after)+1, (after < firstRecent || after <= q.movedTo) && q.conversations[conversation] > 0
		q.mu.Unlock()
		var list []Stored
		var err error
		if there {
			list, err = q.readPart(ctx, q.qs.waiting.st, q.olderSubject(conversation), from, n)
		}
		if err == nil && len(list) < n {
			var rest []Stored
			rest, err = q.readPart(ctx, q.qs.recent.st, q.recentSubject(conversation), max(after, movedTo)+1, n-len(list))
			list = append(list, rest...)
		}
		q.mu.Lock()
		same := q.movedTo == movedTo && q.removals == removals
		q.mu.Unlock()
		if err != nil || same {
			return list, err
		}
	}
}

// readPart reads what one stream has of a conversation from a place on.
func (q *Queue) readPart(ctx context.Context, st *stream.Stream, subject string, from uint64, n int) ([]Stored, error) {
	var list []Stored
	for len(list) < n {
		records, err := st.Page(ctx, subject, from, n-len(list))
		if err != nil || len(records) == 0 {
			return list, err
		}
		for i := range records {
			m := &records[i]
			from = m.Seq + 1
			r, ok, err := q.read(ctx, m)
			if err != nil {
				return list, err
			}
			if ok {
				list = append(list, r)
			}
		}
	}
	return list, nil
}

// read reads a record of the queue; false if it is over, or not yet reported as stored, or
// damaged: then it is removed.
func (q *Queue) read(ctx context.Context, m *stream.Record) (Stored, bool, error) {
	conversation, place := conversationOf(m.Subject), m.Seq
	if place < firstRecent {
		q.mu.Lock()
		over := !q.pulled && place > q.last || place > q.qs.waiting.top.Load() || q.isFinished(conversation, place)
		place = q.origin(place)
		q.mu.Unlock()
		if over {
			return Stored{}, false, nil
		}
	} else if q.qs.recent.isOver(place) {
		return Stored{}, false, nil
	}
	r, err := readRecord(m.Subject, m.Data)
	if err != nil {
		q.qs.log.Error("damaged event removed", zap.Error(err))
		return Stored{}, false, q.Drop(ctx, conversation, place)
	}
	return Stored{r, place}, true, nil
}
