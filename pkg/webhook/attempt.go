package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/outbound"
	"stanzahook/pkg/store"
)

// keptAnswer is how much of the answer to a failed attempt is kept, in bytes.
const keptAnswer = 4096

// attempt posts an event once, and notes what came of it. It reports false if
// the worker stopped before there was an answer.
func (w *Worker) attempt(ev *Event, probe bool) (Verdict, bool) {
	v, began, ok := w.try(ev)
	if !ok {
		if probe {
			w.health.unprobe()
		}
		return Verdict{}, false
	}
	now := time.Now()
	at := v.tried(began, now)
	w.count(ev, &v, at.Duration)
	w.tell(ev, &v, at)
	if v.Outcome != Done {
		at.Error, at.Answer = v.Reason, string(v.body[:min(len(v.body), keptAnswer)])
		v.attempt = at
	}
	w.judged(ev, &v, now, probe)
	w.note(ev, &v, at)
	return v, true
}

// try makes the request and judges the answer.
func (w *Worker) try(ev *Event) (v Verdict, began time.Time, ok bool) {
	if w.start.Err() != nil {
		return Verdict{}, began, false
	}
	now := w.now.Load()
	sender := now.e.sender(ev.Stanza.From)
	if !now.slots.take(sender, w.start.Done()) {
		return Verdict{}, began, false
	}
	defer now.slots.give(sender)
	if w.tracing() {
		w.trace("an attempt begins", ev)
	}
	began = time.Now()
	v = w.post(w.run, ev)
	if v.Outcome == Again && w.run.Err() != nil {
		return Verdict{}, began, false
	}
	return v, began, true
}

func (w *Worker) post(ctx context.Context, ev *Event) Verdict {
	f, now := w.format.Load(), w.now.Load()
	body, err := f.encode(now.e, ev)
	if err != nil {
		return impossible(err)
	}
	a, err := now.http.post(ctx, f, ev, body)
	if err != nil {
		return f.unanswered(err, now)
	}
	var v Verdict
	if a.Unread != nil && success(a.Status) && a.Status != http.StatusAccepted && a.Status != http.StatusNoContent {
		v = invalidReply(a.Unread)
	} else {
		v = f.judge(now.e, ev, a)
	}
	v.of = now
	v.Status, v.body, v.typed = a.Status, a.Body, a.Type
	if v.Outcome != Done {
		v.Fault = faultOf(a.Status)
	}
	if !now.e.Copy { // there a reply is neither made nor missed
		v.note = a.note
	}
	if v.Outcome != Done && outbound.WantsTLS(a.Status, a.Body) {
		v.note.unread = outbound.ErrWantsTLS.Error()
	}
	return v
}

// unanswered is the verdict on an attempt that brought no answer.
func (f *format) unanswered(err error, of *setup) Verdict {
	if _, no := errors.AsType[*unsendable](err); no {
		return impossible(err)
	}
	return Verdict{Outcome: Again, Err: f.network, Reason: err.Error(), Fault: OfEndpoint, of: of}
}

// tried is an attempt for the delivery log.
func (v *Verdict) tried(began, ended time.Time) *store.Attempt {
	return &store.Attempt{Time: began, Status: v.Status, Duration: ended.Sub(began), ContentType: strings.ToValidUTF8(v.typed, "\uFFFD"), Note: v.note.String()}
}

// judged draws the consequences for the endpoint. An event of which no request was
// made says nothing of it.
func (w *Worker) judged(ev *Event, v *Verdict, now time.Time, probe bool) {
	if v.unsent {
		if probe {
			w.health.unprobe()
		}
		return
	}
	if v.Outcome != Again {
		ended, closed := w.health.succeeded(now)
		if ended {
			w.repeats.Log(w.log, zap.InfoLevel, "again", "the endpoint takes events again", ev.about()...)
		}
		if (closed || probe) && w.queue != nil {
			w.queue.resume()
		}
		return
	}
	if v.of != w.now.Load() { // it was another endpoint that failed; if it was a probe, renew has ended that
		return
	}
	began, opened := w.health.failed(now, failing{w.Endpoint().sender(ev.Stanza.From), v.Fault, probe}, Failure{now, v.Status, v.Reason}, min(v.After, w.Endpoint().MaxAge))
	switch {
	case v.Disable && w.health.isDisabled(): // others were under way
	case v.Disable:
		if err := w.Disable(w.run, "the endpoint answered 410 Gone"); err != nil {
			w.log.Error("the endpoint asked to be disabled, and that could not be stored", zap.Error(err))
		}
	case opened:
		w.log.Error("the endpoint is down; it is probed until it takes events again", zap.String("reason", v.Reason))
	case began:
		w.repeats.Warn(w.log, "the endpoint does not take events", ev.about(zap.String("reason", v.Reason))...)
	}
	if (probe || opened) && w.queue != nil {
		w.queue.mu.Lock()
		w.queue.wakeIn(now, w.health.untilProbe(now))
		w.queue.mu.Unlock()
	}
}

// note writes the delivery log.
func (w *Worker) note(ev *Event, v *Verdict, at *store.Attempt) {
	state := store.Delivered
	switch {
	case v.Outcome == Again && w.queue != nil && !ev.Stanza.NeedsAnswer():
		state = store.Retrying
	case w.dead(v) && !ev.Stanza.NeedsAnswer():
		state = store.DeadState
	}
	if w.tracing() {
		w.trace("an attempt ends", ev, zap.Stringer("outcome", v.Outcome), zap.Int("status", v.Status), zap.Int("replies", len(v.Replies)), zap.Duration("took", at.Duration), zap.String("reason", v.Reason))
	}
	w.entry(ev, state, v.Reason, at)
}

// entry adds to the delivery log.
func (w *Worker) entry(ev *Event, state store.State, reason string, at *store.Attempt) {
	if w.store == nil || ev.Test {
		return
	}
	s := ev.Stanza
	e := store.Entry{ID: ev.ID, Endpoint: w.name, Component: ev.Component, Type: s.EventType(), From: s.From.String(), To: s.To.String(), Received: ev.Received, State: state, Reason: reason, Attempt: at}
	if state != store.Retrying {
		e.Stanza = s.XML()
	}
	w.store.Log(e)
}

// dead reports whether a verdict makes a dead letter of a queued event: no request
// can be made of it, or the endpoint has refused the message itself. In the formats
// of the modules such an answer is the bot's, and the sender gets it.
func (w *Worker) dead(v *Verdict) bool {
	return w.queue != nil && v.Outcome == Refused && (v.unsent || w.Endpoint().Format == FormatEvent && v.Status >= 400)
}
