package delivery

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/webhook"
)

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// retry is what follows an attempt after which the event is to be tried again.
func (q *queue) retry(l *lane, it *item, v verdict) (ours bool) {
	now := time.Now()
	q.mu.Lock()
	if it.state == unstored { // it would be lost with the process: the sender must know now
		q.mu.Unlock()
		q.finish(l, it)
		q.w.respond(it.Event, webhook.Verdict{Outcome: webhook.Refused, Err: overloaded, Reason: "failed, and could not be stored"}, false, func() { q.onConfirmed(l, it) })
		return true
	}
	// A failure counts against the event alone if others of the endpoint have
	// succeeded since the one before.
	if l.fails++; l.fails > 1 && q.w.breaker.succeededSince(l.failed) {
		l.alone++
	}
	l.failed = now
	l.remember(v.attempt)
	alone := l.alone >= len(q.w.Endpoint().Schedule)
	fails := l.fails
	q.mu.Unlock()
	if alone {
		return q.giveUp(l, it, fmt.Sprintf("failed %d times while others of the endpoint succeeded; last: %s", fails, v.Reason), v.Err)
	}
	left := q.w.Endpoint().MaxAge - now.Sub(it.since)
	wait := max(jitter(q.w.Endpoint().Schedule[min(fails, len(q.w.Endpoint().Schedule))-1]), v.After)
	q.retryIn(l, max(0, min(wait, left)), v.setup)
	return false
}

// retryIn lets a lane wait after an attempt; not at all if the endpoint has become
// another since the attempt began, for what failed was the one before.
func (q *queue) retryIn(l *lane, d time.Duration, of *setup) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if of != q.w.current.Load() { // Change swaps first, and then resumes what waits: under this lock
		d = 0
	}
	q.delayLocked(l, d)
}

// pause holds everything back: the store cannot be used now. It is logged once.
func (q *queue) pause(l *lane, what string, err error) {
	q.delay(l, storePause)
	q.mu.Lock()
	first := !q.blocked
	q.blocked = true
	q.wakeIn(time.Now(), storePause)
	q.mu.Unlock()
	if first {
		q.w.log.Error(what, zap.Error(err))
	}
}

// delay lets a lane wait; it is not the caller's any more. Its events leave memory but for
// the first one, which leaves too if the queue has too much in memory.
func (q *queue) delay(l *lane, d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.delayLocked(l, d)
}

// delayLocked is delay for a caller that holds q.mu.
func (q *queue) delayLocked(l *lane, d time.Duration) {
	now := time.Now()
	keep := 1
	if q.held > q.max.held {
		keep = 0
	}
	q.evict(l, keep)
	l.state, l.until = waiting, now.Add(d)
	q.waits.add(l)
	q.wakeIn(now, d)
}

// evict leaves the stored events of a lane to the store alone, but for the first ones.
func (q *queue) evict(l *lane, keep int) {
	n := len(l.mem)
	for n > keep && l.mem[n-1].state == stored {
		n--
	}
	if n == len(l.mem) {
		return
	}
	for _, it := range l.mem[n:] {
		q.unload(l, it)
	}
	l.tail += len(l.mem) - n
	l.last = l.mem[n].seq - 1
	if n == 0 {
		l.oldest = l.mem[0].since
	}
	clear(l.mem[n:])
	l.mem = l.mem[:n]
}
