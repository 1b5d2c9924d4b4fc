package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/internal/stream"
)

// Drop removes one event, out of its order.
//
// Killed before it returns: the event may still be there.
func (q *Queue) Drop(ctx context.Context, conversation string, place uint64) error {
	q.moving.Lock()
	defer q.moving.Unlock()
	if err := q.mend(ctx); err != nil { // its copy would come back
		return err
	}
	q.mu.Lock()
	seq, older := q.placeOf(place)
	over := older && q.isFinished(conversation, seq) || !older && q.qs.recent.isOver(place)
	q.mu.Unlock()
	if over {
		return nil
	}
	if place >= firstRecent { // of one that has moved, the original
		if err := remove(ctx, q.qs.recent.st, place); err != nil {
			return err
		}
	}
	if older {
		if err := q.qs.waiting.st.Delete(ctx, seq); errors.Is(err, gateway.ErrNotFound) {
			return nil
		} else if err != nil {
			return fmt.Errorf("remove an event: %w", err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refund(place)
	if older {
		q.gone(conversation, seq)
	} else {
		q.leave(conversation)
		q.qs.recent.mark(place)
	}
	return nil
}

// remove removes one event of a stream, which need not be there.
func remove(ctx context.Context, st *stream.Stream, place uint64) error {
	if err := st.Delete(ctx, place); err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return fmt.Errorf("remove an event: %w", err)
	}
	return nil
}

// remove removes acknowledged events from WAITING, and reports whether some are left.
// None goes as long as its original, or one of the same move, is in EVENTS: it would be
// delivered again after a kill. drained says that there are no originals. It stops
// at a time, for others, but removes something.
//
// Killed at any point: the others are delivered again, with the same ids.
func (q *Queue) remove(ctx context.Context, drained bool, until time.Time) (more bool) {
	if q.moving.TryLock() {
		err := q.mend(ctx)
		more = q.broken != nil
		q.moving.Unlock()
		if err != nil {
			return true // unblock logs it
		}
	}
	upTo := uint64(math.MaxUint64)
	q.mu.Lock()
	if !drained {
		upTo = q.removable(q.qs.recent.isRemoved)
	}
	finished, over, same := maps.Clone(q.finished), maps.Clone(q.over), upTo == q.removed && upTo < math.MaxUint64
	q.mu.Unlock()
	if same {
		return more || len(finished)+len(over) > 0
	}
	left := len(over)
	maps.DeleteFunc(over, func(seq uint64, _ bool) bool { return seq > upTo })
	left -= len(over)
	places, all := together(slices.Collect(maps.Keys(over)), q.qs.width(), until, func(seq uint64) bool {
		return remove(ctx, q.qs.waiting.st, seq) == nil // purge logs it
	})
	more = more || !all
	conversations, all := together(slices.Collect(maps.Keys(finished)), q.qs.width(), until, func(conversation string) bool {
		return q.qs.purge(ctx, q.qs.waiting.st, q.olderSubject(conversation), min(finished[conversation], upTo)+1)
	})
	more = more || !all
	q.mu.Lock()
	defer q.mu.Unlock()
	if !more {
		q.removed = upTo
	}
	more = more || left > 0
	for _, seq := range places {
		delete(q.over, seq)
	}
	for _, conversation := range conversations {
		switch {
		case finished[conversation] > upTo:
			more = true
		case q.finished[conversation] == finished[conversation]:
			delete(q.finished, conversation)
		}
	}
	if len(places)+len(conversations) > 0 {
		q.removals++ // once for all of them: who reads meanwhile reads again
	}
	return more
}

// removals is how many removals on NATS wait for their answers at a time: each is a round of
// its servers, and those of a stop have closeWait.
const removals = 64

func (qs *Queues) width() int {
	if qs.bounded {
		return removals
	}
	return 1
}

// together calls do for each of a list, some at a time, until one fails or the time has come,
// but for one at least. It returns those that went well, and whether that is all of them.
func together[T any](list []T, width int, until time.Time, do func(T) bool) (done []T, all bool) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed atomic.Bool
	slots := make(chan struct{}, width)
	for i, v := range list {
		slots <- struct{}{}
		if failed.Load() || i > 0 && time.Now().After(until) {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if !do(v) {
				failed.Store(true)
				return
			}
			mu.Lock()
			done = append(done, v)
			mu.Unlock()
		})
	}
	wg.Wait()
	return done, len(done) == len(list)
}

// purge removes the events of a subject before a place, of all if it is empty.
func (qs *Queues) purge(ctx context.Context, st *stream.Stream, subject string, before uint64) bool {
	if !qs.disk.mayRemove() {
		return false
	}
	err := st.Purge(ctx, subject, before)
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		qs.log.Warn("acknowledged events not removed yet", zap.Error(err))
	}
	return err == nil
}
