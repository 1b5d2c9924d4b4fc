package sending

import (
	"context"
	"fmt"
	"time"

	"stanzahook/component"
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

// Sender implements [gateway.Sender] over the links, the outboxes and the record of
// sent messages.
type Sender struct {
	Links    map[string]*component.Link // by domain
	Outboxes map[string]*outbox.Outbox  // by domain
	Outcomes *Outcomes
	Notes    *Notes
	Rooms    *rooms.Rooms
	Waiting  *waiting.Messages // nil: no message waits for its room
	Departs  bool              // what waited for its room has done so
	// Corrections paces those of callers; nil: they go out at once.
	Corrections *corrections.Corrections
	Tracer      *tracing.Tracer          // nil: no spans
	Own         []jid.JID                // those of the components
	Bounds      map[string]stanza.Limits // by domain
}

// Domains implements [gateway.Sender].
func (d *Sender) Domains() []jid.JID { return d.Own }

// Limits implements [gateway.Sender].
func (d *Sender) Limits(from jid.JID) stanza.Limits { return d.Bounds[from.Domain()] }

// send is Send without its span.
//
// Killed before the server's confirmation: the caller has no answer. The stanza was
// sent or not; if it had been stored, it is sent after the restart.
func (d *Sender) send(ctx context.Context, s *stanza.Stanza, how gateway.Sending) (gateway.State, error) {
	if d.Outboxes[s.From.Domain()] == nil {
		return "", fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	if d.Corrections != nil {
		if how.Edits != "" {
			return d.Corrections.Send(ctx, s, how)
		}
		d.Corrections.Before(ctx, s)
	}
	s = d.Rooms.Address(s)
	d.Notes.note(s, how.Ref)
	var watch *bounce.Watch
	if how.ReportBounce {
		watch = d.Outcomes.Bounces.Expect(s.From, s.To, s.ID)
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
func (d *Sender) sendRecorded(ctx context.Context, s *stanza.Stanza, how gateway.Sending, watch *bounce.Watch) (gateway.State, error) {
	began := time.Now()
	f := d.Outcomes.begin(s)
	link := d.Links[s.From.Domain()]
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
	d.Outcomes.end(ctx, f, m, err == nil && s.Kind == stanza.Message)
	if back != nil {
		err = &gateway.Bounced{Stanza: back}
	}
	return state, err
}

// give sends a stanza: one to a room when the bot is in it, others through the outbox.
func (d *Sender) give(ctx context.Context, s *stanza.Stanza) (gateway.State, error) {
	box := d.Outboxes[s.From.Domain()].Send
	switch {
	case d.Waiting == nil:
	case d.Departs:
		if _, speaks := d.Rooms.Speaks(s); speaks {
			box = func(ctx context.Context, _ string, s *stanza.Stanza) (gateway.State, error) {
				return d.Waiting.Depart(ctx, s)
			}
		}
	case d.Waiting.Takes(s):
		box = d.Waiting.Speak
	}
	return d.Outcomes.between.give(ctx, d.Outcomes.log, func(domain string) bool { return d.Outboxes[domain] != nil }, box, s)
}

// end ends a watch, if there is one, and returns the error that came back.
func end(w *bounce.Watch) *stanza.Stanza {
	if w == nil {
		return nil
	}
	return w.End()
}

// request is Request without its span.
func (d *Sender) request(ctx context.Context, s *stanza.Stanza) (*stanza.Stanza, error) {
	l, ok := d.Links[s.From.Domain()]
	if !ok {
		return nil, fmt.Errorf("no component has the domain %s", s.From.Domain())
	}
	return ask(ctx, d.Outcomes.log, l, s)
}
