package store

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// sweepPause is how long answered events are gathered before they are removed
// together: the window in which a kill brings them back. A removal costs the
// server about 0.7 ms, because it writes the index of the stream anew; so with many
// busy queues, or a slow disk, more is gathered: removals take a tenth of the time, until
// maxSweepPause.
const (
	sweepPause    = 50 * time.Millisecond
	sweepShare    = 10
	maxSweepPause = 2 * time.Second
)

// sweep removes what is answered, until ctx ends and once more then.
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

// remove removes from the stream what is answered. What cannot be removed now
// is tried again with the next event.
func (q *Queue) remove() {
	now := time.Now()
	q.mu.Lock()
	q.marked = false
	watermark, conversations := q.led.removable(now)
	q.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	if watermark > 0 && q.purge(ctx, jetstream.WithPurgeSequence(watermark)) {
		q.mu.Lock()
		q.led.removedBefore(watermark)
		q.mu.Unlock()
	}
	for conversation, seq := range conversations {
		if !q.purge(ctx, jetstream.WithPurgeSubject(q.subject(conversation)), jetstream.WithPurgeSequence(seq+1)) {
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

func (q *Queue) purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) bool {
	e := q.s.eng.Load()
	// With a disk that is full a purge would fail half-way; see hung.
	if free, keep := q.s.room(); e.broken.Load() || free < keep/2 {
		return false
	}
	stream, err := q.bound(ctx, e)
	if err == nil {
		err = stream.Purge(ctx, opts...)
	}
	if err != nil {
		q.s.log.Warn("answered events could not be removed yet: " + err.Error())
	}
	return err == nil
}

// bound returns the stream's handle in an engine.
func (q *Queue) bound(ctx context.Context, e *engine) (jetstream.Stream, error) {
	q.mu.Lock()
	h := q.handle
	q.mu.Unlock()
	if h.e == e {
		return h.stream, nil
	}
	stream, err := e.js.Stream(ctx, q.stream)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	q.handle = handle{e, stream}
	q.mu.Unlock()
	return stream, nil
}

type handle struct {
	e      *engine
	stream jetstream.Stream
}
