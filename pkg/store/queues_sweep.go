package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.uber.org/zap"
)

// sweepPause is how long acknowledged events are gathered before they are removed
// together: the window in which a kill brings them back. A removal costs the
// server about 0.7 ms, because it writes the index of the stream anew; so on a slow disk,
// or where many events have to move, more is gathered: removals take a tenth of the time,
// until maxSweepPause.
const (
	sweepPause    = 50 * time.Millisecond
	sweepShare    = 10
	maxSweepPause = 2 * time.Second
)

// removeFor is how long WAITING may be removed from at a time: one endpoint with
// very many conversations keeps the others' events in EVENTS for no longer.
const removeFor = time.Second

// wake lets sweep look for something to remove.
func (qs *Queues) wake() {
	select {
	case qs.dirty <- struct{}{}:
	default:
	}
}

// touch notes that a queue has something to remove in WAITING.
func (qs *Queues) touch(q *Queue) {
	qs.touching.Lock()
	qs.touched[q] = true
	qs.touching.Unlock()
}

// sweep removes acknowledged events, until ctx ends and once more then.
func (qs *Queues) sweep(ctx context.Context) {
	var took time.Duration
	for {
		select {
		case <-qs.dirty:
			pause(ctx, min(max(sweepPause, took*(sweepShare-1)), maxSweepPause))
			began := time.Now()
			more, cut := qs.remove(ctx, false)
			if took = time.Since(began); cut {
				took = 0 // there is very much to do
			}
			if more {
				qs.wake()
			}
		case <-ctx.Done():
			qs.remove(ctx, true)
			return
		}
	}
}

// remove removes what can be removed, and moves what holds it up. It reports whether
// something is left to do, and whether it was cut short. Closing, it leaves nothing that is
// acknowledged. On NATS, which may not answer, a round ends with run, and the closing one
// after closeWait.
func (qs *Queues) remove(run context.Context, closing bool) (more, cut bool) {
	limit := openTimeout
	if closing || !qs.bounded {
		run = context.WithoutCancel(run)
	}
	if closing && qs.bounded {
		limit = closeWait
	}
	ctx, cancel := context.WithTimeout(run, limit)
	defer cancel()
	if before, some := qs.recent.watermark(time.Now(), closing); some {
		if qs.purge(ctx, qs.recent.st, "", before) {
			qs.recent.removedBefore(before)
		}
	}
	drained := false
	if closing {
		drained = qs.recent.drain(ctx, qs.width(), qs.log)
	} else {
		qs.unblock(ctx)
	}
	qs.touching.Lock()
	touched := qs.touched
	qs.touched = make(map[*Queue]bool)
	until := time.Now().Add(qs.removeFor)
	qs.touching.Unlock()
	if closing {
		until = until.Add(limit)
	}
	for q := range touched { // in another order each time
		if q.remove(ctx, drained, until) {
			qs.touch(q)
			more = true
		}
	}
	return more || qs.recent.waits(), time.Now().After(until)
}

// unblock moves the events of the queues that hold up the removal of others' events, for
// a second at most.
func (qs *Queues) unblock(ctx context.Context) {
	for began := time.Now(); time.Since(began) < time.Second; {
		place, upTo, ok := qs.recent.held(time.Now())
		if !ok || !qs.disk.mayRemove() {
			return
		}
		r, err := qs.recent.holder(ctx, place)
		if err != nil {
			qs.notMoved(ctx, "", err)
			return
		}
		if r == nil || r.Seq != place {
			continue // it was dropped
		}
		endpoint := strings.Split(r.Subject, ".")[1]
		qs.mu.Lock()
		q := qs.open[endpoint]
		qs.mu.Unlock()
		if q == nil {
			return // its endpoint has not opened it yet
		}
		if _, err := q.move(ctx, upTo); err != nil {
			qs.notMoved(ctx, endpoint, err)
			return
		}
	}
}

// notMoved logs why events were not moved, but not what ends with the process, or what was
// logged when it began.
func (qs *Queues) notMoved(ctx context.Context, endpoint string, err error) {
	if !errors.Is(ctx.Err(), context.Canceled) && !errors.Is(err, errUnderWay) {
		qs.log.Warn("events not moved; retrying", zap.String("endpoint", endpoint), zap.Error(err))
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
