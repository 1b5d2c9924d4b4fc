package delivery

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// keptAnswer is how much of an answer is kept, in bytes.
const keptAnswer = 4096

// attempter makes the attempts of an endpoint, and keeps its circuit breaker.
type attempter struct {
	*target
	sender      Sender // of what shows that the endpoint works
	breaker     breaker
	negotiation sync.WaitGroup
	writings    *writings

	onRecovered func()                               // called after a success that ended an outage, or was a probe
	onDown      func(now time.Time, d time.Duration) // called after a failure that began an outage, or was a probe; the next probe is due in d
}

func newAttempter(t *target) *attempter {
	return &attempter{target: t, writings: newWritings(), onRecovered: func() {}, onDown: func(time.Time, time.Duration) {}}
}

// verdict is the result of an attempt for its delivery.
type verdict struct {
	webhook.Verdict
	attempt *deliverylog.Attempt // unless Done
	n       int                  // the number of the attempt
	setup   *setup               // that the attempt was made with
}

// attempt posts an event once, for the n-th time, and records the result. It reports false
// if the worker stopped before there was an answer.
func (a *attempter) attempt(ev *webhook.Event, n int, probe bool) (verdict, bool) {
	v, began, ok := a.post(ev, n)
	if !ok {
		if probe {
			a.breaker.cancelProbe()
		}
		return verdict{}, false
	}
	now := time.Now()
	v.n = n
	a.conclude(ev, &v, attemptOf(&v.Verdict, began, now), now, probe)
	return v, true
}

// conclude counts and logs an attempt, and tells the breaker.
func (a *attempter) conclude(ev *webhook.Event, v *verdict, at *deliverylog.Attempt, now time.Time, probe bool) {
	a.count(ev, &v.Verdict, at.Duration)
	if v.Outcome != webhook.Again && !v.Unsent {
		a.Counters.Answered.Observe(now.Sub(ev.Received))
	}
	a.logAnswer(ev, &v.Verdict, at)
	if v.Outcome != webhook.Done {
		at.Error = v.Reason
		v.attempt = at
	}
	if v.Outcome != webhook.Done || a.Endpoint().KeepAnswers {
		at.Answer = string(v.Body[:min(len(v.Body), keptAnswer)])
	}
	a.logAttempt(ev, v, at)
	a.updateBreaker(ev, v, now, probe)
}

// post makes the request in one of the endpoint's slots.
func (a *attempter) post(ev *webhook.Event, n int) (v verdict, began time.Time, ok bool) {
	now, sender, ok := a.begin(ev)
	if !ok {
		return verdict{}, began, false
	}
	defer now.slots.give(sender)
	began = time.Now()
	if n == 1 {
		a.acknowledge(a.sender, ev, now.e.Acknowledge.Received)
	}
	var t *typing
	if now.e.Typing.After > 0 {
		t = a.showTyping(now.e, ev)
	}
	posted, span := beginAttempt(ev, n, began)
	v = verdict{Verdict: now.client.Post(a.run, posted), setup: now}
	endAttempt(span, &v.Verdict)
	a.endWriting(ev, &v.Verdict)
	if t != nil {
		t.end(v.Verdict)
	}
	if v.Outcome == webhook.Again && a.run.Err() != nil {
		return verdict{}, began, false
	}
	return v, began, true
}

// begin takes one of the endpoint's slots for the sender of an event. It reports false if
// the worker stopped before there was one, or nobody waits for the event any more.
func (a *attempter) begin(ev *webhook.Event) (now *setup, sender jid.JID, ok bool) {
	if a.stopping.Err() != nil {
		return nil, sender, false
	}
	now = a.current.Load()
	sender = SenderOf(now.e, ev)
	over := a.stopping
	if !ev.Until.IsZero() {
		var cancel context.CancelFunc
		over, cancel = context.WithDeadline(over, ev.Until)
		defer cancel()
	}
	if !now.slots.take(sender, over.Done()) {
		return nil, sender, false
	}
	if a.gate != nil && !a.gate(over.Done()) || !ev.Until.IsZero() && over.Err() != nil {
		now.slots.give(sender)
		return nil, sender, false
	}
	if a.tracing() {
		a.trace("attempt started", ev)
	}
	return now, sender, true
}

// attemptOf returns an attempt for the delivery log.
func attemptOf(v *webhook.Verdict, began, ended time.Time) *deliverylog.Attempt {
	return &deliverylog.Attempt{Time: began, Status: v.Status, Duration: ended.Sub(began), ContentType: strings.ToValidUTF8(v.ContentType, "\uFFFD"), Note: v.Note.String()}
}

// count counts an attempt.
func (a *attempter) count(ev *webhook.Event, v *webhook.Verdict, took time.Duration) {
	a.Counters.Attempts.Add(1)
	a.Counters.Duration.Observe(took)
	if v.Note.Replaced > 0 {
		a.Counters.Replaced.Add(int64(v.Note.Replaced))
	}
	r := &a.Counters.Results
	if v.Outcome == webhook.Done {
		r.Success.Add(1)
		return
	}
	a.Counters.Failures.Add(1)
	queued := a.queued(ev)
	switch {
	case v.Outcome == webhook.Again && queued:
		r.Retry.Add(1)
	case v.Outcome == webhook.Again:
		r.Failed.Add(1)
	case a.dead(v) && queued:
		r.Dead.Add(1)
	default:
		r.Refused.Add(1)
	}
}

// queued reports whether an event is in the endpoint's queue.
func (t *target) queued(ev *webhook.Event) bool {
	return t.Endpoint().Queued && !ev.Stanza.NeedsAnswer()
}

// updateBreaker tells the breaker the result of an attempt. An event of which no request
// was made says nothing about the endpoint.
func (a *attempter) updateBreaker(ev *webhook.Event, v *verdict, now time.Time, probe bool) {
	if v.Unsent {
		if probe {
			a.breaker.cancelProbe()
		}
		return
	}
	if v.Outcome != webhook.Again {
		ended, closed := a.breaker.succeeded(now)
		if ended {
			a.repeats.Log(a.log, zap.InfoLevel, "again", "endpoint recovered", about(ev)...)
			a.tellState("ok", "")
		}
		if closed || probe {
			a.onRecovered()
		}
		return
	}
	if v.setup != a.current.Load() { // the setup before this one failed; if it was a probe, renew has ended that
		return
	}
	began, opened := a.breaker.failed(now, failing{SenderOf(a.Endpoint(), ev), v.Fault, probe}, Failure{now, v.Status, v.Reason}, min(v.After, a.Endpoint().MaxAge))
	switch {
	case v.Disable && a.breaker.isDisabled(): // by an attempt at the same time
	case v.Disable:
		if err := a.disable(a.run, "the endpoint answered 410 Gone"); err != nil {
			a.log.Error("disabled state not stored", zap.Error(err))
		}
	case opened:
		a.log.Error("endpoint down; probing", zap.String("reason", v.Reason))
		a.tellState("open", v.Reason)
	case began:
		a.repeats.Warn(a.log, "endpoint failing", about(ev, zap.String("reason", v.Reason))...)
		a.tellState("failing", v.Reason)
	}
	if probe || opened {
		a.onDown(now, a.breaker.untilProbe(now))
	}
}

// enableHint is the advice in the log for a disabled endpoint.
const enableHint = "queued events wait until `stanzahook endpoints enable NAME`"

// disable lets no attempt begin, over restarts too.
func (a *attempter) disable(ctx context.Context, reason string) error {
	now := time.Now()
	a.breaker.disable(reason, now)
	a.log.Error("endpoint disabled", zap.String("reason", reason), zap.String("hint", enableHint))
	a.tellState("disabled", reason)
	if a.store == nil {
		return nil
	}
	if err := a.store.Endpoints().Put(ctx, a.name, store.EndpointState{Disabled: true, Reason: reason, Since: now}); err != nil {
		return fmt.Errorf("disable endpoint %s, which will be enabled after a restart: %w", a.name, err)
	}
	return nil
}

// logAttempt writes an attempt into the delivery log.
func (a *attempter) logAttempt(ev *webhook.Event, v *verdict, at *deliverylog.Attempt) {
	state := deliverylog.Delivered
	switch {
	case v.Outcome == webhook.Behind, v.Outcome == webhook.Again && a.queued(ev):
		state = deliverylog.Retrying
	case a.dead(&v.Verdict) && !ev.Stanza.NeedsAnswer():
		state = deliverylog.Dead
	}
	if a.tracing() {
		a.trace("attempt ended", ev, zap.Stringer("outcome", v.Outcome), zap.Int("status", v.Status), zap.Int("replies", len(v.Replies)), zap.Duration("took", at.Duration), zap.String("reason", v.Reason))
	}
	a.logDelivery(ev, state, v.Reason, at)
	if v.Outcome != webhook.Behind {
		a.tellAttempt(ev, state, v.Reason, at, v.n)
	}
}

// Notes on the answers of an endpoint that are logged once for each setup.
const (
	loggedNoReply uint32 = 1 << iota
	loggedReplaced
)

// logAnswer logs the note on an answer once, and refused messages and unreadable answers
// once a minute for each status. In the formats of the modules most other errors are a
// bot's answers to people.
func (a *attempter) logAnswer(ev *webhook.Event, v *webhook.Verdict, at *deliverylog.Attempt) {
	now := a.current.Load()
	first := func(note uint32) bool { return now.logged.Or(note)&note == 0 }
	if v.Note.NoReply != "" && first(loggedNoReply) {
		a.log.Warn("no reply in the answer of the endpoint; this is logged once", about(ev, zap.String("note", at.Note))...)
	}
	if v.Note.Replaced > 0 && first(loggedReplaced) {
		a.log.Warn("characters in the answer of the endpoint replaced; this is logged once", about(ev, zap.String("note", at.Note))...)
	}
	if v.Outcome == webhook.Refused && (now.e.Format == webhook.FormatEvent || v.Status/100 == 2 || v.Status == 400 || v.Status == 413 || v.Status == 422) {
		a.repeats.Log(a.log, zap.WarnLevel, "message refused "+strconv.Itoa(v.Status), "message refused", about(ev, zap.Int("status", v.Status), zap.String("reason", v.Reason))...)
	}
}

// negotiate asks an endpoint in one of mod_rest's formats which of them it wants, until
// it has answered once. Until then it gets the configured one.
func (a *attempter) negotiate(now *setup) {
	if a.store == nil || now.client == nil || a.stopping.Err() != nil {
		return
	}
	a.negotiation.Go(func() {
		for n := 0; a.current.Load() == now; n++ {
			f, err := now.client.Negotiate(a.stopping)
			if err == nil {
				if f != now.e.Format {
					a.log.Info("format negotiated", zap.String("format", string(f)))
				}
				return
			}
			if n == 0 {
				a.log.Info("format not negotiated; using the configured one", zap.Error(err))
			}
			select {
			case <-time.After(min(time.Second<<min(n, 6), time.Minute)):
			case <-a.stopping.Done():
				return
			}
		}
	})
}
