// Package forward passes stanzas to endpoints: it picks the endpoint of a stanza
// (the first in file order that matches) and enqueues the event, or makes the one
// attempt of direct delivery. Endpoints with copy get the stanza too, but do not
// end the search.
package forward

import (
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"stanzahook/component"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Forward is the handler that passes the stanzas of all components to endpoints.
type Forward struct {
	log    *zap.Logger
	echoes *Echoes
	copies loglimit.Limiter // by endpoint: dropped copies
	recent *message.Recent
	unread *Unreadable

	// Unlisted counts the messages that an endpoint would have got if its events listed them.
	Unlisted atomic.Int64

	// Questions, if not nil, knows which messages choose a button. Set it before the first event.
	Questions *message.Questions
	Choices   atomic.Int64 // messages that chose one

	// Echoed, if not nil, is called with the Ref of each message of ours that a room has sent
	// back, as the room has it. It must not block. Set it before the first event.
	Echoed func(message.Ref)

	// Proved, if not nil, is called when somebody in a room says of a message of ours that it was
	// received or displayed, which the event says: message.Receipt or message.Marker. It must not
	// block. Set it before the first event.
	Proved func(of message.Ref, event message.Event)

	// Taken, if not nil, is called with each event of a room that is to be delivered, and
	// reports whether it is for nobody else. It must not block, nor call the room. Set it
	// before the first event.
	Taken func(*webhook.Event) bool

	mu      sync.RWMutex // readers wait only for Set
	workers []*delivery.Worker
	index   *webhook.Index // of their endpoints, as they were when they were set
}

// New returns a Forward over the workers in the order of the configuration. The
// workers must send their replies through [Echoes.Over]. It notes messages in recent, and
// answers encrypted ones by unread; nil: not.
func New(workers []*delivery.Worker, echoes *Echoes, recent *message.Recent, unread *Unreadable, log *zap.Logger) *Forward {
	f := &Forward{echoes: echoes, recent: recent, unread: unread, log: log}
	f.Set(workers)
	return f
}

// Set replaces the workers, also when their endpoints were reconfigured: until then the
// endpoint of a stanza is picked by what they were before. After it returns, the removed
// ones get no more events.
func (f *Forward) Set(workers []*delivery.Worker) {
	endpoints := make([]*webhook.Endpoint, len(workers))
	for i, w := range workers {
		endpoints[i] = w.Endpoint()
	}
	index := webhook.NewIndex(endpoints)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers, f.index = workers, index
}

// Handle implements component.Handler. It never blocks: a stanza that cannot be
// enqueued is bounced.
func (f *Forward) Handle(in *component.Incoming) bool {
	domain := in.Link().Domain().String()
	own := f.echoes.take(in.Stanza)
	m := f.describe(in.Stanza)
	f.mu.RLock()
	defer f.mu.RUnlock()
	for i := f.index.Next(0, domain, in.Stanza); i >= 0; i = f.index.Next(i+1, domain, in.Stanza) {
		switch w, e := f.workers[i], f.index.Endpoint(i); {
		case !e.Copy && own:
			return true
		case !e.Wants(m.Event):
			if !e.Copy {
				f.leave(in, e, &m)
				return true
			}
		case !e.Copy:
			f.deliver(in, w, f.event(in, &m, domain))
			return true
		case !in.NeedsAnswer():
			if !w.Enqueue(f.event(in, &m, domain)) {
				f.copies.Log(f.log, zapcore.WarnLevel, e.Name, "copy dropped", zap.String("reason", "the queue is full"), zap.String("component", domain), zap.String("endpoint", e.Name), zap.String("stanza_id", in.ID))
			}
		}
	}
	return false
}

// Route returns the endpoint that a stanza which comes over a component's link goes to, nil
// for none, and those that get a copy; an endpoint's own reply from a room aside.
func (f *Forward) Route(component string, s *stanza.Stanza) (to *webhook.Endpoint, copies []*webhook.Endpoint) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for i := f.index.Next(0, component, s); i >= 0; i = f.index.Next(i+1, component, s) {
		switch e := f.index.Endpoint(i); {
		case !e.Copy:
			return e, copies
		case !s.NeedsAnswer():
			copies = append(copies, e)
		}
	}
	return nil, copies
}

// leave ends a message that its endpoint does not get as an event: a kind that it does not
// list, one that nobody here can read, or a file whose address is still to come.
//
// Killed here: the message is not delivered, as it would not have been; the sender of an
// encrypted one is answered at the next.
func (f *Forward) leave(in *component.Incoming, e *webhook.Endpoint, m *described) {
	f.Unlisted.Add(1)
	switch {
	case m.Event == message.Announced && f.recent != nil && !m.known:
		m.facts, m.known = f.hear(in.Stanza, &m.Features, time.Now()), true
	case m.Event == message.Encrypted && f.unread != nil && !m.KeysOnly(in.Stanza):
		if text := e.SaysUnreadable(); text != "" {
			f.unread.answer(in.Stanza, text)
		}
	}
}

// deliver turns a stanza into an event of an endpoint.
//
// Killed before the event is stored: the stanza is lost, as if it had still been
// in the socket; its delivery may have begun. Killed after: it is delivered after
// the restart.
func (f *Forward) deliver(in *component.Incoming, w *delivery.Worker, ev *webhook.Event) {
	in.Hold()
	accepted := false
	switch {
	case in.NeedsAnswer():
		ev.Until = ev.Received.Add(component.HoldTimeout)
		accepted = w.Request(ev, func(v webhook.Verdict) { answer(in, v) })
	case w.Endpoint().Queued:
		accepted = w.Enqueue(ev)
	default:
		accepted = w.Deliver(ev)
	}
	if !accepted {
		in.Fail(overloaded)
	}
}

// overloaded answers a stanza that cannot be enqueued (RFC 6120 section 8.3.3.18).
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
