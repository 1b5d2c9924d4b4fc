package store

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// remove removes acknowledged events from the stream. Those that cannot be removed now
// are tried again with the next event.
//
// Killed at any point: the others are delivered again, with the same ids.
func (q *Queue) remove() {
	now := time.Now()
	q.mu.Lock()
	q.marked = false
	watermark, conversations := q.led.removable(now)
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if watermark > 0 && q.purge(ctx, "", watermark) {
		q.mu.Lock()
		q.led.removedBefore(watermark)
		q.mu.Unlock()
	}
	for conversation, seq := range conversations {
		if !q.purge(ctx, q.subject(conversation), seq+1) {
			break
		}
		q.mu.Lock()
		q.led.removed(conversation, seq, now)
		q.mu.Unlock()
	}
	q.mu.Lock()
	if !q.led.idle() {
		q.mark()
	}
	q.mu.Unlock()
}

func (q *Queue) purge(ctx context.Context, subject string, before uint64) bool {
	// With a disk that is full a purge would fail half-way; see watcher.hung.
	if free, keep := q.qs.disk.room(); q.qs.srv.Broken() || free < keep/2 {
		return false
	}
	err := q.st.Purge(ctx, subject, before)
	if err != nil {
		q.qs.log.Warn("acknowledged events not removed yet", zap.String("endpoint", q.name), zap.Error(err))
	}
	return err == nil
}
