package delivery

import (
	"fmt"
	"slices"
	"time"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/tracing"
	"stanzahook/pkg/webhook"
)

// workBatch makes one request for the first events of a lane that are in memory: it waits
// for no other. It reports false if the lane waits now.
//
// Killed before the endpoint has answered, or before the server has confirmed what was
// sent for an event: that event and those behind it are in the store, and are
// delivered again in their order, perhaps in other requests.
func (q *queue) workBatch(l *lane, first *item, probe bool) (ours bool) {
	items := q.together(l, first, probe)
	verdicts := q.attempts.attemptBatch(items, probe)
	if len(verdicts) == 0 {
		q.giveBack(l, items, 0) // stopping
		return true
	}
	done := slices.IndexFunc(verdicts, func(v verdict) bool { return v.Outcome == webhook.Again || v.Outcome == webhook.Behind })
	if done < 0 {
		done = len(verdicts)
	}
	untried := done
	if done < len(verdicts) && verdicts[done].Outcome == webhook.Again {
		untried++
	}
	single := 0
	if done == 0 && len(verdicts) > 1 {
		single = len(verdicts)
	}
	q.giveBack(l, items[untried:], single)
	for i, v := range verdicts[:untried] {
		if !q.settle(l, items[i], v) {
			return false
		}
	}
	return true
}

// together returns the first events of a lane that may go in one request. An event that
// has failed goes alone, and so does a probe: what failed may be one of several, or that
// they were several.
func (q *queue) together(l *lane, first *item, probe bool) []*item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := []*item{first}
	if !probe && l.fails == 0 && l.single == 0 {
		items = slices.Clone(l.mem[:min(len(l.mem), q.Endpoint().Batch)])
	}
	for i, it := range items {
		if i > 0 && q.expired(it) {
			items = items[:i]
			break
		}
		it.begun, it.n = true, l.fails+1
	}
	l.flight = len(items)
	return items
}

// giveBack ends a request, after which some events wait as before; single of the first of
// the lane go alone from now on, if it is not 0. An event that the store has refused
// meanwhile would be lost with the process: its sender must know now.
func (q *queue) giveBack(l *lane, untried []*item, single int) {
	q.mu.Lock()
	l.flight, l.single = 0, max(l.single, single)
	var lost []*item
	for _, it := range untried {
		it.begun = false
		if it.state == unstored && q.withdraw(l, it) {
			it.ended = true
			lost = append(lost, it)
		}
	}
	q.mu.Unlock()
	q.lose(lost)
}

// lose tells who has to know that events are neither stored nor delivered, and in no lane any more.
func (q *queue) lose(lost []*item) {
	for _, it := range lost {
		if it.onStored != nil {
			it.onStored(fmt.Errorf("%w: %s", gateway.ErrFull, notStored))
			continue
		}
		q.record(it.Event, deliverylog.Dropped, notStored)
		q.sendError(it.Event, q.errorTo(it.Event, overloaded))
	}
}

// attemptBatch posts the first of some events in one request, and records the results, one
// for each event that was in it: none if the worker stopped before there was an answer.
func (a *attempter) attemptBatch(items []*item, probe bool) []verdict {
	now, sender, ok := a.begin(items[0].Event)
	if !ok {
		if probe {
			a.breaker.cancelProbe()
		}
		return nil
	}
	events := make([]*webhook.Event, len(items))
	for i, it := range items {
		events[i] = it.Event
		if it.n == 1 {
			a.acknowledge(a.sender, it.Event, now.e.Acknowledge.Received)
		}
	}
	began := time.Now()
	t := a.showTyping(now.e, events...)
	var span *tracing.Span
	events[0], span = beginAttempt(events[0], items[0].n, began)
	posted := now.client.PostBatch(a.run, events)
	traceBatchOf(items, posted, span, began)
	t.end(posted...)
	now.slots.give(sender)
	if posted[0].Outcome == webhook.Again && a.run.Err() != nil {
		if probe {
			a.breaker.cancelProbe()
		}
		return nil
	}
	ended := time.Now()
	verdicts := make([]verdict, len(posted))
	for i := range posted {
		v := &verdicts[i]
		*v = verdict{Verdict: posted[i], n: items[i].n, setup: now}
		at := attemptOf(&v.Verdict, began, ended)
		if v.Outcome == webhook.Behind { // no attempt: it says nothing about the event
			at.Error = v.Reason
			a.logAttempt(events[i], v, at)
			continue
		}
		a.conclude(events[i], v, at, ended, probe)
	}
	return verdicts
}
