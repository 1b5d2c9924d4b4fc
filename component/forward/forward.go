// Package forward gives stanzas to webhooks: it picks the endpoint of a stanza
// (the first in file order that takes it) and hands the stanza to the
// endpoint's queue, or makes the one attempt of direct delivery. Endpoints
// that get copies are passed on the way, and do not end the search.
package forward

import (
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/component"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Forward is the handler of all components' stanzas for endpoints.
type Forward struct {
	log    *zap.Logger
	echoes *Echoes
	copies loglimit.Limiter // by endpoint: copies that are lost

	mu      sync.RWMutex // a reader never waits for longer than Set takes
	workers []*delivery.Worker
}

// New returns a Forward over workers in the order of the configuration. Their replies
// go over a sender of echoes.
func New(workers []*delivery.Worker, echoes *Echoes, log *zap.Logger) *Forward {
	return &Forward{workers: workers, echoes: echoes, log: log}
}

// Set replaces the workers. When it returns, those that are not among them any
// more get nothing more.
func (f *Forward) Set(workers []*delivery.Worker) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers = workers
}

// Handle implements component.Handler. It never waits: a stanza that cannot be
// taken is bounced.
func (f *Forward) Handle(in *component.Incoming) bool {
	domain := in.Link().Domain().String()
	own := f.echoes.take(in.Stanza)
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, w := range f.workers {
		switch e := w.Endpoint(); {
		case !e.Matches(domain, in.Stanza):
		case !e.Copy && own:
			return true
		case !e.Copy:
			f.hand(in, w, domain)
			return true
		case !in.NeedsAnswer():
			if !w.Enqueue(event(in, domain)) {
				f.copies.Log(f.log, zapcore.WarnLevel, e.Name, "a copy is lost: its queue is full", zap.String("component", domain), zap.String("endpoint", e.Name), zap.String("stanza_id", in.ID))
			}
		}
	}
	return false
}

func event(in *component.Incoming, domain string) *webhook.Event {
	return &webhook.Event{ID: "evt_" + ulid.Make().String(), Component: domain, Received: time.Now(), Stanza: in.Stanza}
}

// hand is where a stanza becomes an event.
//
// Killed before the store has it: the stanza is lost, as if it had still been
// in the socket; its delivery may have begun. Killed after: it is delivered
// after the restart.
func (f *Forward) hand(in *component.Incoming, w *delivery.Worker, domain string) {
	ev := event(in, domain)
	in.Hold()
	taken := false
	switch {
	case in.NeedsAnswer():
		taken = w.Request(ev, func(v webhook.Verdict) { answer(in, v) })
	case w.Endpoint().Queued:
		taken = w.Enqueue(ev)
	default:
		taken = w.Deliver(ev)
	}
	if !taken {
		in.Fail(overloaded)
	}
}

// overloaded answers what cannot be taken now (RFC 6120 section 8.3.3.18).
var overloaded = &stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint, Text: "the service has too much waiting; try again later"}

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
