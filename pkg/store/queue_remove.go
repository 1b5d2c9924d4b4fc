package store

import (
	"context"
	"errors"
	"fmt"
	"maps"

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
// None goes as long as originals of the queue's events are in EVENTS: they would be
// delivered again after a kill. drained says that there are no such originals.
//
// Killed at any point: the others are delivered again, with the same ids.
func (q *Queue) remove(ctx context.Context, drained bool) (more bool) {
	if q.moving.TryLock() {
		err := q.mend(ctx)
		more = q.broken != nil
		q.moving.Unlock()
		if err != nil {
			return true // unblock logs it
		}
	}
	q.mu.Lock()
	finished, over, held := maps.Clone(q.finished), maps.Clone(q.over), !drained && q.movedTo > 0 && !q.qs.recent.isRemoved(q.movedTo)
	q.mu.Unlock()
	if held {
		return more || len(finished)+len(over) > 0
	}
	for seq := range over {
		if err := remove(ctx, q.qs.waiting.st, seq); err != nil {
			return true // purge logs it
		}
		q.mu.Lock()
		delete(q.over, seq)
		q.removals++
		q.mu.Unlock()
	}
	for conversation, seq := range finished {
		if !q.qs.purge(ctx, q.qs.waiting.st, q.olderSubject(conversation), seq+1) {
			return true
		}
		q.mu.Lock()
		if q.finished[conversation] == seq {
			delete(q.finished, conversation)
			q.removals++
		}
		q.mu.Unlock()
	}
	return more
}

// purge removes the events of a subject before a place, of all if it is empty.
func (qs *Queues) purge(ctx context.Context, st *stream.Stream, subject string, before uint64) bool {
	// With a disk that is full a purge would fail half-way; see watcher.hung.
	if free, keep := qs.disk.room(); qs.srv.Broken() || free < keep/2 {
		return false
	}
	err := st.Purge(ctx, subject, before)
	if err != nil {
		qs.log.Warn("acknowledged events not removed yet", zap.Error(err))
	}
	return err == nil
}
