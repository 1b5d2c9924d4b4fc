package delivery

import (
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// notStored is the reason of an event that ends because the store has refused it.
const notStored = "failed, and could not be stored"

// storePause is how long a lane waits when the store fails.
const storePause = 2 * time.Second

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// retry lets a lane wait after a failed attempt, or gives its first event up.
func (q *queue) retry(l *lane, it *item, v verdict) (ours bool) {
	now, e := time.Now(), q.Endpoint()
	q.mu.Lock()
	if it.state == unstored { // it would be lost with the process: the sender must know now
		it.lost = fmt.Errorf("%w: %s", gateway.ErrFull, notStored)
		q.mu.Unlock()
		q.record(it.Event, deliverylog.Dropped, notStored)
		q.finish(l, it)
		if it.onStored != nil { // who waits for that has it, and offers it again
			noteEnd(it.Event, endDropped, notStored)
			q.onConfirmed(l, it)
			return true
		}
		q.respond(it.Event, webhook.Verdict{Outcome: webhook.Refused, Err: overloaded, Reason: notStored}, false, func() { q.onConfirmed(l, it) })
		return true
	}
	// A failure counts against the event alone if others of the endpoint have
	// succeeded since the one before.
	if l.fails++; l.fails > 1 && q.attempts.breaker.succeededSince(l.failed) {
		l.alone++
	}
	l.failed = now
	l.remember(v.attempt)
	if l.alone >= len(e.Schedule) {
		reason := fmt.Sprintf("failed %d times while others of the endpoint succeeded; last: %s", l.fails, v.Reason)
		q.mu.Unlock()
		bounce, err := q.giveUp(q.run, it.Event, it.since, reason, l.history, v.Err)
		return q.abandon(l, it, reason, bounce, err)
	}
	defer q.mu.Unlock()
	wait := max(jitter(e.Schedule[min(l.fails, len(e.Schedule))-1]), v.After)
	wait = max(0, min(wait, e.MaxAge-now.Sub(it.since)))
	// Reconfigure swaps the setup, and then resumes waiting lanes, for which it needs
	// q.mu: so a failure of the setup before delays nothing.
	if v.setup != q.current.Load() {
		wait = 0
	}
	q.delay(l, wait)
	return false
}

// abandon ends the first event of a lane, which was given up with a stanza for its sender.
// It reports false if that failed: then the lane waits.
func (q *queue) abandon(l *lane, it *item, reason string, bounce *stanza.Stanza, err error) (ours bool) {
	if err != nil {
		q.pause(l, noDeadLetter, err)
		return false
	}
	noteEnd(it.Event, endDead, reason)
	q.logDelivery(it.Event, deliverylog.Dead, reason, nil)
	q.tell(it.Event, deliverylog.Dead, reason, newest(l.history), l.fails)
	q.finish(l, it)
	q.send(it.Event, list(bounce), false, func() { q.onConfirmed(l, it) })
	return true
}

// pause holds all lanes back while the store fails, and logs that once.
func (q *queue) pause(l *lane, what string, err error) {
	q.mu.Lock()
	q.delay(l, storePause)
	first := !q.blocked
	q.blocked = true
	q.wakeIn(time.Now(), storePause)
	q.mu.Unlock()
	if first {
		q.log.Error(what, zap.Error(err))
	}
}
