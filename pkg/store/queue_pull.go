package store

import (
	"context"
	"fmt"
	"time"
)

// A queue that is pulled is read and acknowledged in the order of its stream, across
// conversations: one place says what is acknowledged.

const (
	pageCount = 32      // events of one request to the store
	pageBytes = 1 << 20 // stanzas of one page, about
)

// Places are where the events of a queue are.
type Places struct {
	First uint64    // of the first waiting event, or before it
	Made  time.Time // the queue; a queue that was removed and made again counts from 1
}

// Places returns where the events are.
func (q *Queue) Places(ctx context.Context) (Places, error) {
	state, err := q.st.State(ctx)
	if err != nil {
		return Places{}, fmt.Errorf("store: queue %s: %w", q.name, err)
	}
	return Places{First: state.First, Made: state.Made}, nil
}

// Top returns the place of the last event that was reported as stored.
func (q *Queue) Top() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.top
}

// Page returns the next events after a place, of all conversations, at most n
// and not many more bytes than pageBytes. Records that are damaged are removed,
// and logged; lost is how many.
func (q *Queue) Page(ctx context.Context, after uint64, n int) (list []Stored, lost int, err error) {
	top, size, next := q.Top(), 0, after+1
	for len(list) < n && size < pageBytes && next <= top {
		records, err := q.st.Page(ctx, q.subject("*"), next, min(pageCount, n-len(list)))
		if err != nil || len(records) == 0 {
			return list, lost, err
		}
		for _, m := range records {
			next = m.Seq + 1
			if m.Seq > top {
				return list, lost, nil // not yet reported as stored
			}
			r, err := readRecord(m.Subject, m.Data)
			if err != nil {
				q.qs.log.Error(err.Error() + "; it is removed")
				if err := q.Drop(ctx, m.Seq); err != nil {
					return list, lost, err
				}
				lost++
				continue
			}
			size += len(r.Stanza)
			list = append(list, Stored{r, m.Seq})
		}
	}
	return list, lost, nil
}

// AckThrough notes that all events up to a place are finished and may be removed. Ack is
// not called for such a queue.
//
// Killed before the removal, which comes some milliseconds later: the events
// are delivered again, with the same ids.
func (q *Queue) AckThrough(seq uint64) {
	q.mu.Lock()
	q.led.through(seq, time.Now())
	if seq-q.through > uint64(len(q.charged)) {
		for at := range q.charged {
			if at <= seq {
				q.refund(at)
			}
		}
	} else {
		for at := q.through + 1; at <= seq; at++ {
			q.refund(at)
		}
	}
	q.through = max(q.through, seq)
	q.mark()
	q.mu.Unlock()
}
