package delivery

import "time"

const (
	// sweepPause is how often a queue whose endpoint cannot be tried looks for
	// events that have become too old.
	sweepPause = time.Minute
	// maxUnknown bounds the lanes that are read at a time only to see how old
	// they are.
	maxUnknown = 1000
)

func (q *queue) sweepEvery() time.Duration {
	return min(sweepPause, max(q.w.Endpoint().MaxAge/4, 10*time.Millisecond))
}

// sweep gives up what has become too old while the endpoint could not be
// tried; where it can be, each lane finds out by itself. q.mu is held.
func (q *queue) sweep(now time.Time) {
	if now.Sub(q.swept) < q.sweepEvery() || q.closed {
		return
	}
	q.swept = now
	var stale []*lane
	unknown := 0
	for _, l := range q.lanes {
		if l.state != ready && l.state != waiting {
			continue
		}
		oldest := l.oldest
		if len(l.mem) > 0 {
			oldest = l.mem[0].since
		}
		if oldest.IsZero() {
			if unknown++; unknown > maxUnknown {
				continue
			}
		} else if now.Sub(oldest) < q.w.Endpoint().MaxAge {
			continue
		}
		if l.state == waiting {
			q.waits.remove(l)
		}
		l.state = busy
		stale = append(stale, l)
	}
	if len(stale) > 0 {
		q.runners.Go(func() {
			for _, l := range stale {
				q.expireHead(l)
			}
		})
	}
}

// expireHead gives up the events at the head of a lane that are too old.
func (q *queue) expireHead(l *lane) {
	for q.w.start.Err() == nil {
		it, err := q.first(l)
		if err != nil || it == nil || !q.tooOld(it) {
			break
		}
		if !q.expire(l, it) { // it could not be given up, and waits
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
