package store

import (
	"context"
	"time"
)

// A queue that is pulled is read and acknowledged in the order of WAITING, across
// conversations: one place says what is acknowledged.

const (
	pageCount = 32      // events of one request to the store
	pageBytes = 1 << 20 // stanzas of one page, about
)

// Pull makes the queue one that is pulled, whatever it was.
//
// Killed before it returns: some of its events have moved to WAITING, in order.
func (q *Queue) Pull(ctx context.Context) error {
	if err := q.moveAll(ctx); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pulled, q.moved = true, nil
	return nil
}

// Push makes the queue one that is not pulled any more.
func (q *Queue) Push() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pulled {
		q.pulled, q.places, q.last = false, nil, q.qs.waiting.top.Load()
	}
}

// Places are where the events of a pulled queue are.
type Places struct {
	First uint64    // of the first waiting event, or before it
	Made  time.Time // the store; another one counts anew
}

// Places returns where the events are.
func (q *Queue) Places(ctx context.Context) (Places, error) {
	q.mu.Lock()
	empty := len(q.conversations)+len(q.charged) == 0
	q.mu.Unlock()
	p := Places{First: q.Top() + 1, Made: q.qs.waiting.made}
	if empty {
		return p, nil
	}
	list, err := q.qs.waiting.st.Page(ctx, q.olderSubject(allConversations), 1, 1)
	if err == nil && len(list) > 0 {
		p.First = list[0].Seq
	}
	return p, err
}

// Top returns the place of the last event of a pulled queue, of whichever endpoint, that
// was reported as stored.
func (q *Queue) Top() uint64 { return q.qs.waiting.top.Load() }

// Page returns the next events after a place, of all conversations, at most n
// and not many more bytes than pageBytes. Records that are damaged are removed,
// and logged; lost is how many.
func (q *Queue) Page(ctx context.Context, after uint64, n int) (list []Stored, lost int, err error) {
	top, size, next := q.Top(), 0, after+1
	for len(list) < n && size < pageBytes && next <= top {
		records, err := q.qs.waiting.st.Page(ctx, q.olderSubject(allConversations), next, min(pageCount, n-len(list)))
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
				if err := q.Drop(ctx, conversationOf(m.Subject), m.Seq); err != nil {
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
func (q *Queue) AckThrough(place uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if place <= q.finished[allConversations] || place < q.through {
		return
	}
	n := 0
	for ; n < len(q.places) && q.places[n] <= place; n++ {
		if _, ok := q.charged[q.places[n]]; ok {
			q.refund(q.places[n])
			q.refunded++
		}
	}
	q.places = q.places[n:]
	q.through, q.finished[allConversations] = place+1, place
	q.qs.wake()
}

// purged notes that events of a pulled queue were removed; q.mu is held. What
// AckThrough has not refunded is of an earlier process.
func (q *Queue) purged(n int) {
	before := min(max(0, n-q.refunded), q.uncharged.count)
	q.refunded = 0
	q.uncharged.count -= before
	q.bytes -= int64(before) * q.uncharged.size
}

// countPulled counts what is left of the conversations of a pulled queue, when all that
// is acknowledged is removed.
func (q *Queue) countPulled(ctx context.Context) error {
	for q.remove(ctx, false) {
		pause(ctx, sweepPause)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	state, err := q.qs.waiting.st.StateOf(ctx, q.olderSubject(allConversations))
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.conversations = conversations(state)
	return nil
}
