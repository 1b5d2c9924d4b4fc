package delivery

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// keptAnswer is how much of the answer to a failed attempt is kept, in bytes.
const keptAnswer = 4096

// verdict is that on an attempt, with what follows from it here.
type verdict struct {
	webhook.Verdict
	attempt *deliverylog.Attempt // unless Done
	setup   *setup               // that the attempt was made with
}

// attempt posts an event once, and notes what came of it. It reports false if
// the worker stopped before there was an answer.
func (w *Worker) attempt(ev *webhook.Event, probe bool) (verdict, bool) {
	v, began, ok := w.try(ev)
	if !ok {
		if probe {
			w.breaker.cancelProbe()
		}
		return verdict{}, false
	}
	now := time.Now()
	at := attemptOf(&v.Verdict, began, now)
	w.count(ev, &v.Verdict, at.Duration)
	w.logAnswer(ev, &v.Verdict, at)
	if v.Outcome != webhook.Done {
		at.Error, at.Answer = v.Reason, string(v.Body[:min(len(v.Body), keptAnswer)])
		v.attempt = at
	}
	w.updateBreaker(ev, &v, now, probe)
	w.logAttempt(ev, &v, at)
	return v, true
}

// try makes the request and judges the answer.
func (w *Worker) try(ev *webhook.Event) (v verdict, began time.Time, ok bool) {
	if w.start.Err() != nil {
		return verdict{}, began, false
	}
	now := w.current.Load()
	sender := senderOf(now.e, ev.Stanza.From)
	if !now.slots.take(sender, w.start.Done()) {
		return verdict{}, began, false
	}
	defer now.slots.give(sender)
	if w.tracing() {
		w.trace("an attempt begins", ev)
	}
	began = time.Now()
	v = verdict{Verdict: now.client.Post(w.run, ev), setup: now}
	if v.Outcome == webhook.Again && w.run.Err() != nil {
		return verdict{}, began, false
	}
	return v, began, true
}

// attemptOf is an attempt for the delivery log.
func attemptOf(v *webhook.Verdict, began, ended time.Time) *deliverylog.Attempt {
	return &deliverylog.Attempt{Time: began, Status: v.Status, Duration: ended.Sub(began), ContentType: strings.ToValidUTF8(v.ContentType, "\uFFFD"), Note: v.Note.String()}
}

// updateBreaker tells the breaker what became of an attempt. An event of which no request
// was made says nothing about the endpoint.
func (w *Worker) updateBreaker(ev *webhook.Event, v *verdict, now time.Time, probe bool) {
	if v.Unsent {
		if probe {
			w.breaker.cancelProbe()
		}
		return
	}
	if v.Outcome != webhook.Again {
		ended, closed := w.breaker.succeeded(now)
		if ended {
			w.repeats.Log(w.log, zap.InfoLevel, "again", "the endpoint takes events again", about(ev)...)
		}
		if (closed || probe) && w.queue != nil {
			w.queue.resume()
		}
		return
	}
	if v.setup != w.current.Load() { // it was another endpoint that failed; if it was a probe, renew has ended that
		return
	}
	began, opened := w.breaker.failed(now, failing{senderOf(w.Endpoint(), ev.Stanza.From), v.Fault, probe}, Failure{now, v.Status, v.Reason}, min(v.After, w.Endpoint().MaxAge))
	switch {
	case v.Disable && w.breaker.isDisabled(): // others were under way
	case v.Disable:
		if err := w.Disable(w.run, "the endpoint answered 410 Gone"); err != nil {
			w.log.Error("the endpoint asked to be disabled, and that could not be stored", zap.Error(err))
		}
	case opened:
		w.log.Error("the endpoint is down; it is probed until it takes events again", zap.String("reason", v.Reason))
	case began:
		w.repeats.Warn(w.log, "the endpoint does not take events", about(ev, zap.String("reason", v.Reason))...)
	}
	if (probe || opened) && w.queue != nil {
		w.queue.mu.Lock()
		w.queue.wakeIn(now, w.breaker.untilProbe(now))
		w.queue.mu.Unlock()
	}
}

// logAttempt writes an attempt into the delivery log.
func (w *Worker) logAttempt(ev *webhook.Event, v *verdict, at *deliverylog.Attempt) {
	state := deliverylog.Delivered
	switch {
	case v.Outcome == webhook.Again && w.queue != nil && !ev.Stanza.NeedsAnswer():
		state = deliverylog.Retrying
	case w.dead(&v.Verdict) && !ev.Stanza.NeedsAnswer():
		state = deliverylog.Dead
	}
	if w.tracing() {
		w.trace("an attempt ends", ev, zap.Stringer("outcome", v.Outcome), zap.Int("status", v.Status), zap.Int("replies", len(v.Replies)), zap.Duration("took", at.Duration), zap.String("reason", v.Reason))
	}
	w.logDelivery(ev, state, v.Reason, at)
}

// logDelivery adds to the delivery log.
func (w *Worker) logDelivery(ev *webhook.Event, state deliverylog.State, reason string, at *deliverylog.Attempt) {
	if w.store == nil || ev.Test {
		return
	}
	s := ev.Stanza
	e := deliverylog.Entry{ID: ev.ID, Endpoint: w.name, Component: ev.Component, Type: s.EventType(), From: s.From.String(), To: s.To.String(), Received: ev.Received, State: state, Reason: reason, Attempt: at}
	if state != deliverylog.Retrying {
		e.Stanza = s.XML()
	}
	w.store.DeliveryLog().Add(&e)
}
