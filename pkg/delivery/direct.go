package delivery

import (
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// maxDirect bounds the events of one endpoint that are in memory only.
const maxDirect = 10_000

// direct delivers events from memory, in one attempt each.
type direct struct {
	*responder
	attempts *attempter
	runner   keyedRunner
}

// deliver is [Worker.Deliver].
func (d *direct) deliver(ev *webhook.Event) bool {
	if looped, ok := d.refuseLoop(ev); looped {
		return ok
	}
	return accepted(ev, d.runner.add(conversationOf(ev), SenderOf(d.Endpoint(), ev), maxDirect, func(more bool) {
		d.respond(ev, d.attempt(ev), more, spanEnd(ev))
	}))
}

// request is [Worker.Request].
func (d *direct) request(ev *webhook.Event, answer func(webhook.Verdict)) bool {
	return accepted(ev, d.runner.add("", SenderOf(d.Endpoint(), ev), maxDirect, func(bool) {
		v := d.attempt(ev)
		answer(v)
		d.noteVerdict(ev, &v)
		ev.Span.End()
	}))
}

// refuseLoop reports whether an event is the end of a loop, and refuses it in the order
// of its conversation. It reports ok false if too many events are under way.
func (d *direct) refuseLoop(ev *webhook.Event) (looped, ok bool) {
	e := d.Endpoint()
	if !e.Looped(ev) {
		return false, false
	}
	return true, accepted(ev, d.runner.add(conversationOf(ev), SenderOf(e, ev), maxDirect, func(more bool) { d.endLoop(ev, more) }))
}

// attempt makes the one attempt of an event; none if the endpoint is known to be down.
func (d *direct) attempt(ev *webhook.Event) webhook.Verdict {
	if d.tracing() {
		d.trace("event accepted", ev, zap.Bool("queued", false))
	}
	ok, probe := d.attempts.breaker.allowOne(time.Now(), SenderOf(d.Endpoint(), ev))
	if !ok {
		d.Counters.Refused.Add(1)
		return webhook.Verdict{Outcome: webhook.Refused, Reason: "the endpoint is down or disabled", Err: d.current.Load().client.Unreachable()}
	}
	v, ok := d.attempts.attempt(ev, 1, probe)
	if !ok && !ev.Until.IsZero() && !time.Now().Before(ev.Until) {
		return webhook.Verdict{Outcome: webhook.Refused, Reason: "no attempt was made in time: too many others were under way", Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.RemoteServerTimeout, Text: "the service was too busy to answer in time"}}
	}
	if !ok { // an event in memory only ends with the process
		return webhook.Verdict{Outcome: webhook.Refused, Reason: "stopping", Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.ServiceUnavailable, Text: "the service is stopping"}}
	}
	return v.Verdict
}
