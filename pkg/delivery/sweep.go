package delivery

import "time"

// sweepPause is how often queues look for expired events.
const sweepPause = time.Minute

// sweepEvery returns how often to look for events older than maxAge.
func sweepEvery(maxAge time.Duration) time.Duration {
	return min(sweepPause, max(maxAge/4, 10*time.Millisecond))
}

func (q *queue) sweepEvery() time.Duration { return sweepEvery(q.Endpoint().MaxAge) }

// sweep gives up the events that expired while the endpoint could not be
// tried; where it can be, each lane finds out by itself. q.mu is held.
func (q *queue) sweep(now time.Time) {
	if now.Sub(q.swept) < q.sweepEvery() || q.closed {
		return
	}
	q.swept = now
	stale := q.stale(now, q.Endpoint().MaxAge)
	if len(stale) == 0 {
		return
	}
	q.runners.Go(func() {
		for _, l := range stale {
			q.expireHead(l)
		}
	})
}

// expireHead gives up the expired events at the head of a lane.
func (q *queue) expireHead(l *lane) {
	for q.stopping.Err() == nil {
		it, err := q.first(l)
		if err != nil || it == nil || !q.expired(it) {
			break
		}
		if !q.expire(l, it) { // the lane waits
			return
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(l.mem) > 0 {
		l.oldest = l.mem[0].since
		if q.held > q.max.held {
			q.evict(l, 0)
		}
	}
	l.state = idle
	q.place(l)
}
