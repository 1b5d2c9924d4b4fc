package app

import (
	"context"
	"fmt"
	"time"

	"stanzahook/component/bounce"
	"stanzahook/component/outbox"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// stanzas implements v1.Stanzas over the links, the outboxes and what is known
// of messages that were sent.
type stanzas struct {
	requester
	outboxes map[string]*outbox.Outbox
	sent     *sentMessages
	domains  []jid.JID
	limits   map[string]stanza.Limits // by domain
}

// Domains implements v1.Stanzas.
func (v *stanzas) Domains() []jid.JID { return v.domains }

// Limits implements v1.Stanzas.
func (v *stanzas) Limits(from jid.JID) stanza.Limits { return v.limits[from.Domain()] }

// Send implements v1.Stanzas.
//
// Killed while the server's answer is waited for: the caller has no answer. The
// stanza has been sent or not; if it had been stored, it is sent after the
// restart.
func (v *stanzas) Send(ctx context.Context, s *stanza.Stanza, how v1.Sending) (v1.Outcome, error) {
	if v.outboxes[s.From.Domain()] == nil {
		return v1.Outcome{}, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	began := time.Now()
	f := v.sent.begin(s)
	var watch *bounce.Watch
	var bounced <-chan struct{}
	if how.ReportBounce {
		watch = v.sent.bounces.Expect(s.From, s.To, s.ID)
		bounced = watch.Bounced()
	}
	state, err := v.sent.between.give(ctx, v.sent.log, v.outboxes, s)
	if err == nil && state == outbox.Queued && how.Wait > 0 && v.links[s.From.Domain()].Connected() {
		state, err = f.await(ctx, how.Wait-time.Since(began), bounced)
	}
	m := store.SentMessage{ID: s.ID, From: s.From.String(), To: s.To.String(), State: store.SentState(state), Caller: how.Caller, Time: began.UTC(), Changed: time.Now().UTC()}
	var back *stanza.Stanza
	if watch != nil {
		back = watch.End() // what comes from now on goes to the endpoints
	}
	if back != nil {
		err = nil // the server has it, whatever the outbox knows
	}
	v.sent.end(ctx, f, m, err == nil && s.Kind == stanza.Message)
	if err != nil {
		return v1.Outcome{}, err
	}
	return v1.Outcome{State: string(state), Bounce: back}, nil
}

// Message implements v1.Stanzas.
func (v *stanzas) Message(ctx context.Context, id, caller string) (store.SentMessage, error) {
	return v.sent.store.Get(ctx, id, caller)
}
