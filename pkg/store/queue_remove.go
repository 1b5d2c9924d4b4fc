package store

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// sweepPause is how long acknowledged events are gathered before they are removed
// together: the window in which a kill brings them back. A removal costs the
// server about 0.7 ms, because it writes the index of the stream anew; so with many
// busy queues, or a slow disk, more is gathered: removals take a tenth of the time, until
// maxSweepPause.
const (
	sweepPause    = 50 * time.Millisecond
	sweepShare    = 10
	maxSweepPause = 2 * time.Second
)

// sweep removes what is acknowledged, until ctx ends and once more then.
func (s *Store) sweep(ctx context.Context) {
	var took time.Duration
	for {
		select {
		case q := <-s.dirty:
			batch := []*Queue{q}
			pause(ctx, min(max(sweepPause, took*(sweepShare-1)), maxSweepPause))
			for more := true; more; {
				select {
				case q := <-s.dirty:
					batch = append(batch, q)
				default:
					more = false
				}
			}
			began := time.Now()
			for _, q := range batch {
				q.remove()
			}
			took = time.Since(began)
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, q := range s.queues {
				q.remove()
			}
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// remove removes from the stream what is acknowledged. What cannot be removed now
// is tried again with the next event.
//
// Killed at any point: what is not removed yet is delivered again, with the same ids.
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
	// With a disk that is full a purge would fail half-way; see onHung.
	if free, keep := q.s.Room(); q.s.srv.Broken() || free < keep/2 {
		return false
	}
	err := q.st.Purge(ctx, subject, before)
	if err != nil {
		q.s.log.Warn("acknowledged events could not be removed yet", zap.String("endpoint", q.name), zap.Error(err))
	}
	return err == nil
}
