package delivery

import (
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/tracing"
	"stanzahook/pkg/webhook"
)

// Attributes of spans.
const (
	traceComponent = "stanzahook.component"
	traceEndpoint  = "stanzahook.endpoint"
	traceEvent     = "stanzahook.event"
	traceType      = "stanzahook.type"
	traceStanza    = "messaging.message.id"
	traceAttempt   = "stanzahook.attempt"
	traceState     = "stanzahook.state" // how an event ended
	traceBatch     = "stanzahook.batch" // events in the request
	traceMethod    = "http.request.method"
	traceStatus    = "http.response.status_code"
)

// Values of traceState. What is stored goes on later, in a span of another trace.
const (
	endDelivered = "delivered"
	endRefused   = "refused"
	endDead      = "dead"
	endDropped   = "dropped"
	endStored    = "stored"
)

// Trace makes spans of deliveries from now on. It is called before Open.
func (w *Worker) Trace(by *tracing.Tracer) { w.tracer = by }

// beginSpan begins the span of an event at a time, unless it has one. It ends when the server
// has confirmed what was sent for the event, or the event leaves memory.
//
// It is in memory only. Killed: it is not exported; its attempts may have been.
func (t *target) beginSpan(ev *webhook.Event, when time.Time) {
	if t.tracer == nil || ev.Span != nil || ev.Test {
		return
	}
	s := t.tracer.Start(tracing.Consumer, spanName(ev), when, tracing.Context{})
	s.Text(traceEndpoint, t.name)
	s.Text(traceComponent, ev.Component)
	s.Text(traceEvent, ev.ID)
	s.Text(traceType, ev.TypeName())
	s.Text(traceStanza, ev.Stanza.ID)
	ev.Span = s
}

// spanName returns the name of an event's span, of which there are few.
func spanName(ev *webhook.Event) string {
	switch ev.Stanza.Kind {
	case stanza.Message:
		return "deliver message"
	case stanza.Presence:
		return "deliver presence"
	}
	return "deliver iq"
}

// endSpan ends the span of an event, if it has one, in a state. A reason says that it failed.
func endSpan(ev *webhook.Event, state, reason string) {
	if ev == nil || ev.Span == nil { // nil: its record is damaged
		return
	}
	noteEnd(ev, state, reason)
	ev.Span.End()
}

// noteEnd is endSpan, but the span goes on until the server has confirmed what is sent.
func noteEnd(ev *webhook.Event, state, reason string) {
	if ev.Span == nil {
		return
	}
	ev.Span.Text(traceState, state)
	if reason != "" {
		ev.Span.Fail(reason)
	}
}

// noteVerdict is noteEnd for a verdict.
func (t *target) noteVerdict(ev *webhook.Event, v *webhook.Verdict) {
	switch {
	case v.Outcome == webhook.Done:
		noteEnd(ev, endDelivered, "")
	case t.dead(v) && t.queued(ev):
		noteEnd(ev, endDead, v.Reason)
	default:
		noteEnd(ev, endRefused, v.Reason)
	}
}

// accepted ends the span of an event for which there is no room, and returns ok.
func accepted(ev *webhook.Event, ok bool) bool {
	if !ok {
		endSpan(ev, endRefused, noRoom)
	}
	return ok
}

// noRoom is the reason of an event that is refused because too many wait.
const noRoom = "too many events wait"

// spanEnd returns a function that ends the span of an event.
func spanEnd(ev *webhook.Event) func() {
	if ev.Span == nil {
		return func() {}
	}
	return ev.Span.End
}

// traceBatchOf makes spans of the attempts that one request was for others than the first of
// its events, in whose attempt the request was made.
func traceBatchOf(items []*item, verdicts []webhook.Verdict, first *tracing.Span, began time.Time) {
	if first == nil {
		return
	}
	first.Int(traceBatch, len(verdicts))
	endAttempt(first, &verdicts[0])
	for i := 1; i < len(verdicts); i++ {
		_, span := beginAttempt(items[i].Event, items[i].n, began)
		span.Int(traceBatch, len(verdicts))
		span.Link(first.Context())
		endAttempt(span, &verdicts[i])
	}
}

// beginAttempt begins the span of an attempt, and returns what to post: the event in that
// span. Others may read the event itself at the same time.
func beginAttempt(ev *webhook.Event, n int, began time.Time) (posted *webhook.Event, span *tracing.Span) {
	if ev.Span == nil {
		return ev, nil
	}
	span = ev.Span.Start(tracing.Client, "attempt", began)
	span.Int(traceAttempt, n)
	span.Text(traceMethod, "POST")
	traced := *ev
	traced.Span = span
	return &traced, span
}

// endAttempt ends the span of an attempt; nil if there is none.
func endAttempt(span *tracing.Span, v *webhook.Verdict) {
	if span == nil {
		return
	}
	if v.Status != 0 {
		span.Int(traceStatus, v.Status)
	}
	if v.Outcome == webhook.Refused || v.Outcome == webhook.Again {
		span.Fail(v.Reason)
	}
	span.End()
}
