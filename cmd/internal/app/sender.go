package app

import (
	"context"
	"fmt"
	"time"

	"stanzahook/component/bounce"
	"stanzahook/component/corrections"
	"stanzahook/component/outbox"
	"stanzahook/component/rooms"
	"stanzahook/component/waiting"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/tracing"
)

// sender implements [gateway.Sender] over the links, the outboxes and the record of
// sent messages.
type sender struct {
	links    links
	outboxes map[string]*outbox.Outbox // by domain
	sent     *sentMessages
	notes    *notes
	rooms    *rooms.Rooms
	waiting  *waiting.Messages // nil: no message waits for its room
	departs  bool              // what waited for its room has done so
	// corrections paces those of callers; nil: they go out at once.
	corrections *corrections.Corrections
	tracer      *tracing.Tracer // nil: no spans
	domains     []jid.JID
	limits      map[string]stanza.Limits // by domain
}

// Domains implements [gateway.Sender].
func (d *sender) Domains() []jid.JID { return d.domains }

// Limits implements [gateway.Sender].
func (d *sender) Limits(from jid.JID) stanza.Limits { return d.limits[from.Domain()] }

// send is Send without its span.
//
// Killed before the server's confirmation: the caller has no answer. The stanza was
// sent or not; if it had been stored, it is sent after the restart.
func (d *sender) send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	if d.outboxes[s.From.Domain()] == nil {
		return "", fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	if d.corrections != nil {
		if how.Edits != "" {
			return d.corrections.Send(ctx, s, how)
		}
		d.corrections.Before(ctx, s)
	}
	s = d.rooms.Address(s)
	d.notes.note(s, how.Ref)
	var watch *bounce.Watch
	if how.ReportBounce {
		watch = d.sent.bounces.Expect(s.From, s.To, s.ID)
	}
	if how.Caller == "" {
		state, err := d.give(ctx, s)
		if back := end(watch); back != nil && err == nil {
			err = &gateway.Bounced{Stanza: back}
		}
		return state, err
	}
	return d.sendRecorded(ctx, s, how, watch)
}

// sendRecorded sends a stanza, and records what becomes of a message.
func (d *sender) sendRecorded(ctx context.Context, s *stanza.Stanza, how gateway.Sending, watch *bounce.Watch) (gateway.State, error) {
	began := time.Now()
	f := d.sent.begin(s)
	link := d.links[s.From.Domain()]
	connected := link != nil && link.Connected() // if the connection is lost from now on, the next one is waited for
	state, err := d.give(ctx, s)
	if err == nil && state == gateway.Queued && connected && how.Wait > 0 {
		var bounced <-chan struct{}
		if watch != nil {
			bounced = watch.Bounced()
		}
		state, err = f.await(ctx, how.Wait-time.Since(began), bounced)
	}
	if err == nil && state == gateway.Confirmed && how.Echo {
		state = f.awaitEcho(ctx, how.Wait-time.Since(began), watch)
	}
	m := store.SentMessage{ID: s.ID, From: s.From.String(), To: s.To.String(), State: store.SentState(state), Caller: how.Caller, Time: began.UTC(), Changed: time.Now().UTC(), Ref: how.Ref, Group: s.Type == "groupchat"}
	back := end(watch) // errors that come from now on go to the endpoints
	if (how.Echo || s.Type == "groupchat") && back != nil && back.From.IsFull() {
		back = nil
	}
	if back != nil {
		err = nil // the server has the stanza, whatever the outbox knows
	}
	d.sent.end(ctx, f, m, err == nil && s.Kind == stanza.Message)
	if back != nil {
		err = &gateway.Bounced{Stanza: back}
	}
	return state, err
}

// give sends a stanza: one to a room when the bot is in it, others through the outbox.
func (d *sender) give(ctx context.Context, s *stanza.Stanza) (gateway.State, error) {
	box := d.outboxes[s.From.Domain()].Send
	switch {
	case d.waiting == nil:
	case d.departs:
		if _, speaks := d.rooms.Speaks(s); speaks {
			box = func(ctx context.Context, _ string, s *stanza.Stanza) (gateway.State, error) {
				return d.waiting.Depart(ctx, s)
			}
		}
	case d.waiting.Takes(s):
		box = d.waiting.Speak
	}
	return d.sent.between.give(ctx, d.sent.log, func(domain string) bool { return d.outboxes[domain] != nil }, box, s)
}

// end ends a watch, if there is one, and returns the error that came back.
func end(w *bounce.Watch) *stanza.Stanza {
	if w == nil {
		return nil
	}
	return w.End()
}

// request is Request without its span.
func (d *sender) request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	l, ok := d.links[s.From.Domain()]
	if !ok {
		return nil, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	return ask(ctx, d.sent.log, l, s)
}
