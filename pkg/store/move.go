package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// movePage is how many events are copied at a time, of the places that all appends share, and
// moveRead how many are read, of an embedded server: each time, it counts what follows.
const (
	movePage = 256
	moveRead = 1000
)

// maxMoveBytes is about how much moves at a time: so much more room than before it takes.
const maxMoveBytes = 16 << 20

// move copies the queue's events in EVENTS that are not finished, up to a place and
// about maxMove or maxMoveBytes, to the end of WAITING, and takes them for moved. It reports whether there
// are more.
//
// Killed before it returns: the next start finds the copies beside their originals, and
// goes on from there (settle). Killed after that: the same, until the originals are
// removed; no copy is removed before (Queue.remove).
func (q *Queue) move(ctx context.Context, upTo uint64) (more bool, err error) {
	q.moving.Lock()
	defer q.moving.Unlock()
	if err := q.mend(ctx); err != nil {
		return false, err
	}
	q.mu.Lock()
	from := max(q.movedTo+1, firstRecent)
	q.mu.Unlock()
	m := q.qs.recent.begin(from)
	list, last, err := q.copy(ctx, q.qs.recent.st, q.recentSubject(allConversations), from, upTo, q.qs.recent.isOver)
	if err != nil {
		q.broken = m
		q.qs.touch(q)
		return false, err
	}
	q.adopt(m, list, last)
	q.qs.moved.Add(int64(len(list)))
	return last < upTo, nil
}

// moveAll moves all that the queue has.
func (q *Queue) moveAll(ctx context.Context) error {
	q.mu.Lock()
	there := q.inRecent
	q.mu.Unlock()
	for there {
		var err error
		if there, err = q.move(ctx, q.qs.recent.last()); err != nil {
			return err
		}
	}
	q.mu.Lock()
	q.inRecent = false
	q.mu.Unlock()
	return nil
}

// mend ends a move that was broken off; q.moving is held.
func (q *Queue) mend(ctx context.Context) error {
	if !q.copying.over() {
		return errUnderWay
	}
	if q.broken == nil {
		return nil
	}
	list, _, err := q.settle(ctx, q.qs.recent.st, q.recentSubject(allConversations))
	if err != nil {
		return err
	}
	last := uint64(0)
	if len(list) > 0 {
		last = list[len(list)-1].from
	}
	q.adopt(q.broken, list, last)
	q.broken = nil
	return nil
}

// adopt takes events for moved, and whatever the queue has up to a place.
func (q *Queue) adopt(m *move, list []copied, upTo uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.older.add(list, upTo)
	finished := q.qs.recent.end(m, list)
	if q.recentOf != nil {
		was := make(map[uint64]bool, len(finished))
		for _, c := range finished {
			was[c.from] = true
		}
		for _, c := range list {
			if !was[c.from] { // else it left when it was finished
				q.leave(c.conversation)
			}
		}
	}
	for _, c := range finished {
		q.older.gone(c.conversation, c.to)
		q.older.over[c.to] = true
		q.qs.touch(q)
	}
}

// copy copies events of a stream from a place up to another one, but for those that are
// over, to the end of WAITING. last is up to where it has come.
func (q *Queue) copy(ctx context.Context, st *stream.Stream, subject string, from, upTo uint64, isOver func(place uint64) bool) (list []copied, last uint64, err error) {
	read := moveRead
	if q.qs.bounded {
		read = movePage
	}
	for size := 0; len(list) < maxMove && size < maxMoveBytes && from <= upTo; {
		page, err := st.PageOf(ctx, subject, from, upTo, read, func(place uint64) bool { return !isOver(place) })
		if err != nil {
			return nil, 0, err
		}
		if len(page) == 0 {
			return list, upTo, nil
		}
		from = page[len(page)-1].Seq + 1
		for part := range slices.Chunk(page, movePage) {
			before := uint64(0)
			if len(list) > 0 {
				before = list[len(list)-1].from
			}
			some, bytes, err := q.copyPart(ctx, part, before, isOver)
			if err != nil {
				return nil, 0, err
			}
			list, size = append(list, some...), size+bytes
		}
	}
	return list, min(from-1, upTo), nil
}

// copyPart copies those of some events that are not over, and returns them and how many bytes they have.
// before is the place of the one that was copied before them.
func (q *Queue) copyPart(ctx context.Context, part []stream.Record, before uint64, isOver func(place uint64) bool) (some []copied, size int, err error) {
	part = slices.DeleteFunc(part, func(m stream.Record) bool { return isOver(m.Seq) })
	some = make([]copied, len(part))
	appends := make([]stream.Append, len(part))
	results := make(chan error, len(part)) // they come in order, from one goroutine
	for i := range part {
		m, c := &part[i], &some[i]
		*c = copied{from: m.Seq, conversation: conversationOf(m.Subject)}
		size += len(m.Data)
		appends[i] = stream.Append{Subject: q.olderSubject(c.conversation), Data: withOrigin(m.Data, m.Seq, before), Result: func(_ *stream.Append, seq uint64, err error) {
			if c.to = seq; err == nil {
				q.qs.waiting.top.Store(seq)
			}
			results <- err
		}}
		before = m.Seq
	}
	return some, size, q.appendAll(ctx, appends, results)
}

// errUnderWay means that copies of a move before have no result yet: NATS does not answer.
var errUnderWay = fmt.Errorf("%w: events that move have no result yet", gateway.ErrSilent)

// copying is copies that had no result when ctx ended.
type copying struct {
	results <-chan error
	n       int
}

// over reports whether all of them have one by now.
func (c *copying) over() bool {
	for ; c.n > 0; c.n-- {
		select {
		case <-c.results:
		default:
			return false
		}
	}
	return true
}

// isCopied reports whether all copies of the moves before have a result.
func (q *Queue) isCopied() bool {
	q.moving.Lock()
	defer q.moving.Unlock()
	return q.copying.over()
}

// appendAll appends copies and waits for their results; on NATS, which may take none for
// long, until ctx ends: then q.copying has those that are still under way.
func (q *Queue) appendAll(ctx context.Context, list []stream.Append, results <-chan error) (err error) {
	put := func() {
		for i := range list {
			q.qs.srv.Append(&list[i])
		}
	}
	var gone <-chan struct{}
	if q.qs.bounded {
		gone = ctx.Done()
		go put() // it waits while the window is full; it ends with the results
	} else {
		put()
	}
	for n := len(list); n > 0; n-- {
		select {
		case failed := <-results:
			if failed != nil {
				err = failed
			}
		case <-gone:
			q.copying = copying{results, n}
			return fmt.Errorf("move events to those that wait: %w", ctx.Err())
		}
	}
	return err
}

// settle ends a move of the queue's events out of a stream that was broken off. It returns the copies that are
// right, and the places of originals before the last of them that have none: these were finished when the move
// passed them, as the next copy tells. Copies behind one that could not be stored are removed, so that their
// originals count (settleInOrder: on NATS). A copy and its original have the same id: a place alone can come
// again, after a power cut.
//
// To remove them all whenever an original has no copy would do as well, but for Stream.Delete: a copy that comes
// back after one more kill would be delivered before what its conversation has before it.
//
// Killed before it returns: the next start does the same.
func (q *Queue) settle(ctx context.Context, st *stream.Stream, subject string) (list []copied, over []uint64, err error) {
	q.mu.Lock()
	from := q.movedTo + 1
	q.mu.Unlock()
	page, err := st.Page(ctx, subject, from, 1)
	if err != nil || len(page) == 0 {
		return nil, nil, err
	}
	first := page[0].Seq
	copies, ids, top := make(map[uint64]copied), make(map[uint64]string), q.qs.waiting.top.Load()
	befores, chained := make(map[uint64]uint64), true
	err = q.qs.waiting.st.Walk(ctx, q.olderSubject(allConversations), 0, func(r *stream.Record) bool {
		switch origin, before, known := originsOf(r.Data); {
		case r.Seq > top: // reported as refused; Queues.discard removes it
		case origin == 0 || origin >= firstRecent && first < firstRecent || copies[origin].to > 0: // of another move
		case origin < first:
			return false
		default:
			copies[origin], ids[origin] = copied{from: origin, to: r.Seq, conversation: conversationOf(r.Subject)}, idOf(r.Data)
			befores[origin] = before
			chained = chained && known
		}
		return true
	})
	if err != nil || len(copies) == 0 {
		return nil, nil, err
	}
	if q.qs.bounded {
		list, err = q.settleInOrder(ctx, st, subject, copies, ids)
		return list, nil, err
	}
	// An original may be removed already, but not one whose copy was not stored. What is behind the last one
	// with a copy was never moved, and may be very much.
	alone, last := uint64(math.MaxUint64), slices.Max(slices.Collect(maps.Keys(copies)))
	for _, before := range befores {
		if _, ok := copies[before]; !ok && before >= first {
			alone = min(alone, before)
		}
	}
	for from = first; from <= last; from = page[len(page)-1].Seq + 1 {
		if page, err = st.Page(ctx, subject, from, movePage); err != nil {
			return nil, nil, err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			m := &page[i]
			c, ok := copies[m.Seq]
			switch {
			case ok && ids[m.Seq] != idOf(m.Data), !ok && !chained:
				alone = min(alone, m.Seq)
			case !ok:
				over = append(over, m.Seq)
			case m.Seq > alone:
				if err := remove(ctx, q.qs.waiting.st, c.to); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	for origin, c := range copies {
		if origin < alone {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b copied) int { return cmp.Compare(a.from, b.from) })
	return list, slices.DeleteFunc(over, func(place uint64) bool { return len(list) == 0 || place > list[len(list)-1].from }), nil
}

// settleInOrder is settle on NATS, where no copy is stored before all those before it: an original before the
// last copy that has none was finished when the move passed it, and is not delivered again. So
// nothing is removed one by one: a takeover would take longer the more had moved. If all servers have lost their last
// writes, EVENTS gives these places to new events. The originals of the copies from there on are lost, and the copies
// are events like any other.
func (q *Queue) settleInOrder(ctx context.Context, st *stream.Stream, subject string, copies map[uint64]copied, ids map[uint64]string) ([]copied, error) {
	top := q.qs.recent.last()
	list := slices.SortedFunc(maps.Values(copies), func(a, b copied) int { return cmp.Compare(a.from, b.from) })
	list = slices.DeleteFunc(list, func(c copied) bool { return c.from > top })
	var failed error
	right := sort.Search(len(list), func(i int) bool {
		for ; i < len(list) && failed == nil; i++ {
			var page []stream.Record
			page, failed = st.Page(ctx, subject, list[i].from, 1)
			if len(page) > 0 && page[0].Seq == list[i].from { // else it was dropped
				return ids[page[0].Seq] != idOf(page[0].Data)
			}
		}
		return false
	})
	return list[:right], failed
}

// conversationOf returns the last token of a record's subject.
func conversationOf(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }
