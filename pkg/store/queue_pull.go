package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/internal/stream"
)

// A queue that is pulled is read and acknowledged in the order of WAITING, across
// conversations: one place says what is acknowledged.

const (
	pageCount = 32      // events of one request to the store
	pageBytes = 1 << 20 // stanzas of one page, about
	fewPlaces = 8       // events that are read one by one
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
	q.unlisted, q.places = make(map[uint64]bool), [2][]placed{}
	q.charged.move(func(place uint64) uint64 {
		if seq, ok := q.placeOf(place); ok {
			return seq
		}
		return place
	})
	for place := range q.charged.places() {
		q.unlisted[place] = true
	}
	q.pulled, q.moved, q.movedDone = true, nil, 0
	return nil
}

// Push makes the queue one that is not pulled any more.
func (q *Queue) Push() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pulled {
		q.pulled, q.places, q.unlisted, q.last = false, [2][]placed{}, nil, q.qs.waiting.top.Load()
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
	empty := len(q.conversations) == 0
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

// Page returns the next events after a place that are not acknowledged, of all
// conversations, at most n and not many more bytes than pageBytes. Records that are damaged are removed,
// and logged; lost is how many.
func (q *Queue) Page(ctx context.Context, after uint64, n int) (list []Stored, lost int, err error) {
	top, size, next := q.Top(), 0, after+1
	for len(list) < n && size < pageBytes && next <= top {
		q.mu.Lock()
		removals := q.removals
		q.mu.Unlock()
		records, err := q.records(ctx, next, min(pageCount, n-len(list)))
		if err != nil || len(records) == 0 {
			return list, lost, err
		}
		for _, m := range records {
			if m.Seq > top {
				return list, lost, nil // not yet reported as stored
			}
			q.mu.Lock()
			same, over := q.removals == removals, q.isFinished(conversationOf(m.Subject), m.Seq)
			q.mu.Unlock()
			if !same {
				break // it may have been removed: read again
			}
			if next = m.Seq + 1; over {
				continue
			}
			r, err := readRecord(m.Subject, m.Data)
			if err != nil {
				q.qs.log.Error("damaged event removed", zap.Error(err))
				if err := q.Drop(ctx, conversationOf(m.Subject), m.Seq); err != nil {
					return list, lost, err
				}
				lost++
				continue
			}
			q.mu.Lock()
			q.charge(&r, m.Seq)
			q.mu.Unlock()
			size += len(r.Stanza)
			list = append(list, Stored{r, m.Seq})
		}
	}
	return list, lost, nil
}

// records reads records from a place on. A request for several makes the store look at
// what all endpoints have there, so a few whose places are known are read one by one.
func (q *Queue) records(ctx context.Context, from uint64, n int) ([]stream.Record, error) {
	places, known := q.few(from)
	if !known {
		return q.qs.waiting.st.Page(ctx, q.olderSubject(allConversations), from, n)
	}
	own := q.olderSubject("") // how the subjects of its events begin
	var list []stream.Record
	for _, place := range places {
		one, err := q.qs.waiting.st.Page(ctx, "", place, 1) // none if it was removed meanwhile
		if err != nil {
			return nil, err
		}
		if len(one) > 0 && strings.HasPrefix(one[0].Subject, own) {
			list = append(list, one[0])
		}
		if len(list) == n {
			break
		}
	}
	return list, nil
}

// few returns the places of all waiting events from a place on, if they are known and few.
func (q *Queue) few(from uint64) (places []uint64, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.uncharged.count > 0 || len(q.unlisted) > 0 || q.pending.Load() > 0 { // what is pending may be stored, and has no place yet
		return nil, false
	}
	for _, list := range q.places {
		i, _ := slices.BinarySearchFunc(list, from, func(p placed, place uint64) int { return cmp.Compare(p.place, place) })
		if len(places)+len(list)-i > fewPlaces {
			return nil, false
		}
		for _, p := range list[i:] {
			if q.charged.has(p.place) {
				places = append(places, p.place)
			}
		}
	}
	slices.Sort(places)
	return places, true
}

// charge notes an event that was stored by an earlier process, or before the queue was
// pulled; q.mu is held. Pages may be read in any order.
func (q *Queue) charge(r *Record, place uint64) {
	switch ok := q.charged.has(place); {
	case ok && q.unlisted[place]:
		delete(q.unlisted, place)
	case ok || q.uncharged.count == 0:
		return
	default:
		q.uncharged.count--
		c := charge{place: place, size: int64(len(r.Stanza) + recordBytes)}
		q.bytes += c.size - q.uncharged.size
		q.charged.read.add(c)
	}
	i := len(q.places[0])
	for ; i > 0 && q.places[0][i-1].place > place; i-- {
	}
	q.places[0] = slices.Insert(q.places[0], i, placed{place, r.Conversation})
}

// AckThrough notes that all events up to a place, which Page has returned, are finished
// and may be removed. Ack is not called for such a queue.
//
// Killed before the removal, which comes some milliseconds later: the events
// are delivered again, with the same ids.
func (q *Queue) AckThrough(place uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, list := range q.places {
		n := 0
		for ; n < len(list) && list[n].place <= place; n++ {
			if q.charged.has(list[n].place) {
				q.refund(list[n].place)
				q.gone(list[n].conversation, list[n].place)
				q.finished[allConversations] = max(q.finished[allConversations], list[n].place)
			}
		}
		if q.places[i] = list[n:]; n == len(list) {
			q.places[i] = nil
		}
	}
	q.qs.touch(q)
	q.qs.wake()
}
