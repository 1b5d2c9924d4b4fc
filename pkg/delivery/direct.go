package delivery

import (
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// maxDirect bounds the events of one endpoint that are in memory only.
const maxDirect = 10_000

// Direct makes one attempt for a message or presence that is in memory only.
// It reports false if too many are under way.
//
// Killed before the endpoint has answered: the stanza is lost, as with the
// modules whose formats are delivered so; "delivery: queued" does not lose it.
func (w *Worker) Deliver(ev *webhook.Event) bool {
	w.Endpoint().Admit(ev)
	if looped, ok := w.loops(ev); looped {
		return ok
	}
	return w.runner.add(conversationOf(ev), senderOf(w.Endpoint(), ev.Stanza.From), maxDirect, func(more bool) {
		w.respond(ev, w.attemptOnce(ev), more, func() {})
	})
}

// Ask makes one attempt for an IQ get or set and hands over the verdict, whose
// replies are none or one. It reports false if too many are under way.
//
// Killed before the answer: the asker gets an error from its server, or times out.
func (w *Worker) Request(ev *webhook.Event, answer func(webhook.Verdict)) bool {
	w.Endpoint().Admit(ev)
	return w.runner.add("", senderOf(w.Endpoint(), ev.Stanza.From), maxDirect, func(bool) { answer(w.attemptOnce(ev)) })
}

// attemptOnce makes the one attempt of an event that is in memory only. An endpoint
// that is known to be down is not bothered.
func (w *Worker) attemptOnce(ev *webhook.Event) webhook.Verdict {
	if w.tracing() {
		w.trace("an event is taken", ev, zap.Bool("queued", false))
	}
	ok, probe := w.breaker.allowOne(time.Now(), senderOf(w.Endpoint(), ev.Stanza.From))
	if !ok {
		w.Counters.Refused.Add(1)
		return webhook.Verdict{Outcome: webhook.Refused, Reason: "the endpoint is down or disabled", Err: w.current.Load().client.Unreachable()}
	}
	v, ok := w.attempt(ev, probe)
	if !ok {
		return stopping
	}
	return v.Verdict
}

// stopping is the verdict on what is in memory only when the process ends.
var stopping = webhook.Verdict{Outcome: webhook.Refused, Reason: "stopping", Err: &stanza.Error{Type: stanza.Wait, Condition: stanza.ServiceUnavailable, Text: "the service is stopping"}}
