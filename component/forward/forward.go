// Package forward gives stanzas to webhooks: it picks the endpoint of a stanza
// (the first in file order that takes it) and hands the stanza to the
// endpoint's queue, or makes the one attempt of direct delivery.
package forward

import (
	"errors"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// Publisher stores an event without waiting; done is called once.
type Publisher interface {
	Publish(r store.Record, done func(error))
}

// Forward is the handler of all components' stanzas for endpoints.
type Forward struct {
	workers []*webhook.Worker
	queue   Publisher
	log     *zap.Logger
}

// New returns a Forward over workers in the order of the configuration.
func New(workers []*webhook.Worker, queue Publisher, log *zap.Logger) *Forward {
	return &Forward{workers, queue, log}
}

// Handle implements component.Handler. It never waits: a stanza that cannot be
// taken is bounced.
func (f *Forward) Handle(in *component.Incoming) bool {
	domain := in.Link().Domain().String()
	for _, w := range f.workers {
		if w.Endpoint().Matches(domain, in.Stanza) {
			f.hand(in, w, domain)
			return true
		}
	}
	return false
}

func (f *Forward) hand(in *component.Incoming, w *webhook.Worker, domain string) {
	ev := &webhook.Event{ID: "evt_" + ulid.Make().String(), Component: domain, Received: time.Now(), Stanza: in.Stanza}
	in.Hold()
	switch {
	case in.NeedsAnswer():
		if !w.Ask(ev, func(v webhook.Verdict) { answer(in, v) }) {
			in.Fail(overloaded)
		}
	case !w.Endpoint().Queued:
		if !w.Direct(ev) {
			in.Fail(overloaded)
		}
	default:
		f.enqueue(in, ev, w.Endpoint().Name)
	}
}

// overloaded answers what cannot be taken now (RFC 6120 section 8.3.3.18).
var overloaded = &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "the service has too much waiting; try again later"}

// enqueue is where a stanza becomes durable.
//
// Killed before the store has it: the stanza is lost, as if it had still been
// in the socket. Killed after: it is delivered after the restart.
func (f *Forward) enqueue(in *component.Incoming, ev *webhook.Event, endpoint string) {
	s := ev.Stanza
	f.queue.Publish(store.Record{
		ID: ev.ID, Endpoint: endpoint, Component: ev.Component, Received: ev.Received, Stanza: s.XML(),
		Conversation: store.Conversation(s.From.Bare().String(), s.To.Bare().String()),
	}, func(err error) {
		switch {
		case err == nil:
		case errors.Is(err, store.ErrFull):
			in.Fail(overloaded)
		default:
			f.log.Error("an event could not be stored; its sender gets an error", zap.String("stanza_id", in.ID), zap.Error(err))
			in.Fail(&stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError, Text: "the service could not store the message; try again later"})
		}
	})
}

// answer gives an IQ its one answer.
func answer(in *component.Incoming, v webhook.Verdict) {
	switch {
	case v.Outcome != webhook.Done:
		in.Fail(v.Err)
	case len(v.Replies) > 0:
		in.Answer(v.Replies[0])
	default:
		in.Result("")
	}
}
