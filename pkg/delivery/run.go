package delivery

import (
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/webhook"
)

const (
	// storePause is how long a lane waits when the store cannot be read.
	storePause = 2 * time.Second
	// readTogether is how far apart in the store events may lie that are read
	// together, in bytes.
	readTogether = 4 << 20
	typicalEvent = 512 // bytes
)

// spawn starts a runner if there is something to do; q.mu is held.
func (q *queue) spawn() {
	if q.closed || q.blocked || q.running >= q.w.Endpoint().Concurrency || q.starting >= q.ready.lanes || !q.ready.any(q.w.Endpoint().Concurrency-q.busy) {
		return
	}
	q.starting++
	q.running++
	q.runners.Go(q.runner)
}

// runner works on one ready lane after the other.
func (q *queue) runner() {
	q.mu.Lock()
	q.starting--
	for {
		l, probe := q.next()
		if l == nil {
			break
		}
		of := l.of // it may turn out to be another's
		// What was read from the store is worked off before others are read,
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

// next takes a lane that may be worked on now.
func (q *queue) next() (l *lane, probe bool) {
	if q.closed || q.blocked || q.w.start.Err() != nil || q.ready.lanes == 0 && len(q.waits) == 0 {
		return nil, false
	}
	now := time.Now()
	ok, probe, wait := q.w.breaker.allow(now)
	if !ok {
		q.blocked = true
		q.wakeIn(now, min(wait, q.sweepEvery()))
		return nil, false
	}
	// A probe does not wait for the lane's own time. There may be none: those that
	// were ready can be with the sweep.
	if probe {
		l = q.probe()
	} else {
		l = q.ready.pop(q.w.Endpoint().Concurrency - q.busy)
	}
	if l != nil {
		l.state = busy
		l.of.busy++
		q.busy++
	} else if probe {
		q.w.breaker.cancelProbe()
	}
	return l, probe
}

// work makes one attempt for the first event of a lane. It reports false if
// the lane waits now, and is not the caller's any more.
func (q *queue) work(l *lane, probe bool) (ours bool) {
	it, err := q.first(l)
	if err != nil || it == nil {
		if probe {
			q.w.breaker.cancelProbe()
		}
		if err != nil {
			q.pause(l, "the queue cannot be read; it is tried again", err)
			return false
		}
		return true
	}
	if q.tooOld(it) {
		if probe {
			q.w.breaker.cancelProbe()
		}
		return q.expire(l, it)
	}
	v, ok := q.w.attempt(it.Event, probe)
	if !ok {
		return true // stopping: the event stays in the store
	}
	if v.Outcome == webhook.Again {
		return q.retry(l, it, v)
	}
	if q.w.dead(&v.Verdict) {
		q.mu.Lock()
		l.remember(v.attempt)
		q.mu.Unlock()
		if !q.putDeadLetter(l, it, v.Reason) {
			return false
		}
	}
	more := q.finish(l, it)
	q.w.respond(it.Event, v.Verdict, more, func() { q.onConfirmed(l, it) })
	return true
}

// first returns the first event of a lane, from memory or from the store; nil
// if there is none that could be had now. The lane is the caller's.
func (q *queue) first(l *lane) (*item, error) {
	for {
		q.mu.Lock()
		known := l.tail - l.tailStoring
		if len(l.mem) > 0 {
			it := l.mem[0]
			it.begun = true
			q.mu.Unlock()
			return it, nil
		}
		if known <= 0 || l.storing > 0 {
			q.mu.Unlock()
			return nil, nil
		}
		after := l.last
		n := max(1, min(known, q.max.read, q.max.held-q.held, q.near(l)))
		if l.fails > 0 {
			n = 1
		}
		q.mu.Unlock()
		list, err := q.disk.Read(q.w.run, l.conversation, after, n)
		if err != nil {
			return nil, err
		}
		q.mu.Lock()
		if len(list) == 0 {
			q.w.log.Error("events are lost: the store does not have them any more", zap.String("conversation", l.conversation), zap.Int("events", known))
			l.tail -= known
			q.count -= known
		}
		for i := range list {
			r := &list[i]
			l.tail--
			l.last = r.Seq
			ev, err := readEvent(&r.Record)
			it := &item{Event: ev, since: r.Since, seq: r.Seq, state: stored, read: true, size: len(r.Stanza)}
			if err != nil { // it was parsed before it was stored: the disk has changed it
				q.w.log.Error("an event in the store is damaged and cannot be delivered; it is removed", zap.String("component", r.Component), zap.String("event", r.ID), zap.String("conversation", r.Conversation), zap.Error(err))
				it.confirmed = true
				l.trail = append(l.trail, it)
				q.count--
				q.ack(l)
				continue
			}
			if len(l.mem) == 0 {
				q.adopt(l, senderOf(q.w.Endpoint(), ev.Stanza.From))
			}
			q.load(l, it)
		}
		q.mu.Unlock()
	}
}

// near returns how many events of a lane lie together in the store, about. The
// store reads its files in blocks, and keeps them in memory for a while: a few
// events of each of many lanes in turn, which lie side by side, take one block, and
// many of one lane all blocks between them. q.mu is held.
func (q *queue) near(l *lane) int {
	return readTogether / (typicalEvent * max(1, q.count/max(1, l.tail)))
}

// finish takes the first event out of its lane, and reports whether there is another.
func (q *queue) finish(l *lane, it *item) (more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.pop()
	l.oldest = it.since
	q.unload(l, it)
	q.count--
	return len(l.mem) > 0
}

// wakeIn sees to it that wake is called within a time; q.mu is held.
func (q *queue) wakeIn(now time.Time, d time.Duration) {
	at := now.Add(d)
	if !q.closed && (q.wakeAt.IsZero() || at.Before(q.wakeAt)) {
		q.wakeAt = at
		q.timer.Reset(d)
	}
}

// wake looks for what has become due.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.wakeAt, q.blocked = time.Time{}, false
	for len(q.waits) > 0 && !q.waits[0].until.After(now) {
		q.release(q.waits[0])
	}
	if len(q.waits) > 0 {
		q.wakeIn(now, q.waits[0].until.Sub(now))
	}
	q.sweep(now)
	q.start()
}

// release takes a lane out of those that wait.
func (q *queue) release(l *lane) {
	q.waits.remove(l)
	l.state = ready
	q.ready.push(l)
}

// start starts as many runners as there is work for, and one where only a
// probe may be due.
func (q *queue) start() {
	for !q.closed && q.running < q.w.Endpoint().Concurrency && q.starting < max(q.ready.lanes, min(1, len(q.waits))) {
		q.starting++
		q.running++
		q.runners.Go(q.runner)
	}
}

// resume lets all lanes that wait go on at once: the endpoint is back.
func (q *queue) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.blocked = false
	for len(q.waits) > 0 {
		q.release(q.waits[0])
	}
	q.start()
}
