package sending

import (
	"context"
	"net/http"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/tracing"
)

// Send implements [gateway.Sender]. See send.
func (d *Sender) Send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	if d.Tracer == nil {
		return d.send(ctx, s, how)
	}
	span := d.begin(ctx, tracing.Producer, s)
	defer span.End()
	state, err := d.send(ctx, s, how)
	if state != "" {
		span.Text("stanzahook.state", string(state))
	}
	fail(span, s, err)
	return state, err
}

// Request implements [gateway.Sender].
func (d *Sender) Request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	if d.Tracer == nil {
		return d.request(ctx, s)
	}
	span := d.begin(ctx, tracing.Client, s)
	defer span.End()
	answer, err := d.request(ctx, s)
	if answer != nil {
		if e, failed := answer.StanzaError(); failed {
			span.Fail(string(e.Condition))
		}
	}
	fail(span, s, err)
	return answer, err
}

// begin starts the span of a stanza that an HTTP request sends, in the caller's trace if it
// has named one.
func (d *Sender) begin(ctx context.Context, kind tracing.Kind, s *stanza.Stanza) *tracing.Span {
	name := map[stanza.Kind]string{stanza.Message: "send message", stanza.Presence: "send presence", stanza.IQ: "send iq"}[s.Kind]
	span := d.Tracer.Start(kind, name, time.Now(), httpapi.Parent(ctx))
	span.Text("stanzahook.component", s.From.Domain())
	span.Text("stanzahook.request", httpapi.RequestID(ctx))
	span.Text("messaging.message.id", s.ID)
	return span
}

// fail says what became of a stanza that was not sent or not answered. The texts of outcomes
// may have addresses, and texts of others: the span has the status of the answer.
func fail(span *tracing.Span, s *stanza.Stanza, err error) {
	if err != nil {
		span.Fail(http.StatusText(gateway.OutcomeOf(s, err).Status))
	}
}
