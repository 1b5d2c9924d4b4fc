package delivery

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/webhook"
)

// spawn starts a runner if there is work for one more. q.mu is held.
func (q *queue) spawn() {
	if q.wantsRunner(q.Endpoint().Concurrency) {
		q.startRunner()
	}
}

func (q *queue) startRunner() {
	q.starting++
	q.running++
	q.runners.Go(q.runner)
}

// start starts as many runners as there is work for, and one where only a
// probe may be due. q.mu is held.
func (q *queue) start() {
	for !q.closed && q.running < q.Endpoint().Concurrency && q.starting < max(q.ready.lanes, min(1, len(q.waits))) {
		q.startRunner()
	}
}

// runner works on one ready lane after the other.
func (q *queue) runner() {
	q.mu.Lock()
	q.starting--
	for q.stopping.Err() == nil {
		l, probe := q.next(&q.attempts.breaker, q.Endpoint().Concurrency, q.sweepEvery())
		if l == nil {
			break
		}
		of := l.of // work may give the lane to another source
		// Events that were read from the store are delivered before others are read,
		// or all lanes together would fill the memory.
		ours := true
		for again, n := true, 0; again; n++ {
			q.mu.Unlock()
			ours = q.work(l, probe)
			q.mu.Lock()
			again = ours && !probe && n < q.max.read && len(l.mem) > 0 && l.mem[0].read && !q.blocked && !q.closed
		}
		of.busy--
		q.busy--
		if ours {
			l.state = idle
			q.place(l)
		}
		q.spawn() // there may be room for two now
	}
	q.running--
	q.mu.Unlock()
}

// wake is called by the timer.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.wakeAt, q.blocked = time.Time{}, false
	q.releaseDue(now)
	q.sweep(now)
	q.start()
}

// resume lets all waiting lanes go on at once: the endpoint is back, or another.
func (q *queue) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocked = false
	q.releaseAll()
	q.start()
}

// work makes one attempt for the first event of a lane, or one request for several of its
// events (batch.go). It reports false if the lane waits now, and is not the caller's any
// more.
func (q *queue) work(l *lane, probe bool) (ours bool) {
	it, err := q.first(l)
	if it == nil || q.expired(it) {
		if probe {
			q.attempts.breaker.cancelProbe()
		}
		switch {
		case err != nil:
			q.pause(l, "queue not readable; retrying", err)
			return false
		case it == nil:
			return true
		}
		return q.expire(l, it)
	}
	if q.Endpoint().Batch > 1 {
		return q.workBatch(l, it, probe)
	}
	v, ok := q.attempts.attempt(it.Event, it.n, probe)
	if !ok {
		q.giveBack(l, []*item{it}, 0) // stopping
		return true
	}
	return q.settle(l, it, v)
}

// settle does what follows from an attempt for the first event of a lane. It reports false
// if the lane waits now.
func (q *queue) settle(l *lane, it *item, v verdict) (ours bool) {
	if v.Outcome == webhook.Again {
		return q.retry(l, it, v)
	}
	if q.dead(&v.Verdict) {
		q.mu.Lock()
		l.remember(v.attempt)
		q.mu.Unlock()
		if err := q.putDeadLetter(q.run, it.Event, it.since, v.Reason, l.history); err != nil {
			q.pause(l, noDeadLetter, err)
			return false
		}
	}
	more := q.finish(l, it)
	q.respond(it.Event, v.Verdict, more, func() { q.onConfirmed(l, it) })
	return true
}

// noDeadLetter is logged when an event stays in the queue for want of a dead letter.
const noDeadLetter = "dead letter not stored; the event stays in the queue"

// finish removes the first event from its lane, and reports whether there is another.
func (q *queue) finish(l *lane, it *item) (more bool) {
	q.mu.Lock()
	q.pop(l, it)
	it.ended = true
	more = len(l.mem) > 0
	decides := it.state == unstored && it.onStored != nil
	q.mu.Unlock()
	if decides {
		it.onStored(it.lost)
	}
	return more
}

// first returns the first event of a lane, from memory or from the store; nil
// if there is none to be had now. The lane is the caller's.
func (q *queue) first(l *lane) (*item, error) {
	for {
		q.mu.Lock()
		known := l.tail - l.tailStoring
		if len(l.mem) > 0 {
			it := l.mem[0]
			it.begun, it.n = true, l.fails+1
			q.mu.Unlock()
			return it, nil
		}
		if known <= 0 || l.storing > 0 {
			q.mu.Unlock()
			return nil, nil
		}
		after, n := l.last, q.readable(l, known)
		q.mu.Unlock()
		list, err := q.disk.Read(q.run, l.conversation, after, n)
		if err != nil {
			return nil, err
		}
		q.mu.Lock()
		if len(list) == 0 {
			q.log.Error("events lost: not in the store", zap.String("conversation", l.conversation), zap.Int("events", known))
			l.tail -= known
			q.count -= known
		}
		for i := range list {
			r := &list[i]
			l.tail--
			l.last = r.Seq
			ev, err := readEvent(&r.Record)
			it := &item{Event: ev, since: r.Since, seq: r.Seq, state: stored, read: true, size: len(r.Stanza)}
			if err == nil {
				q.beginSpan(ev, time.Now())
			}
			if err != nil {
				q.log.Error("damaged event removed", zap.String("component", r.Component), zap.String("event", r.ID), zap.String("conversation", r.Conversation), zap.Error(err))
				it.confirmed = true
				l.trail = append(l.trail, it)
				q.count--
				q.ack(l)
				continue
			}
			if len(l.mem) == 0 {
				q.adopt(l, senderOf(q.Endpoint(), ev.Stanza.From))
			}
			q.load(l, it)
		}
		q.mu.Unlock()
	}
}

// expired reports whether an event is too old.
func (q *queue) expired(it *item) bool { return time.Since(it.since) >= q.Endpoint().MaxAge }

// expire gives up an event that is too old.
func (q *queue) expire(l *lane, it *item) (ours bool) {
	reason := fmt.Sprintf("the endpoint did not take it within %v", q.Endpoint().MaxAge)
	if n := len(l.history); n > 0 {
		reason += "; last: " + l.history[n-1].Error
	}
	bounce, err := q.giveUpExpired(q.run, it.Event, it.since, reason, l.history)
	return q.abandon(l, it, reason, bounce, err)
}
