package delivery

import (
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// Types of the delivery log that Deliveries returns.
type (
	Delivery = deliverylog.Delivery
	Attempt  = deliverylog.Attempt
	Filter   = deliverylog.Filter // of a list of deliveries
)

// conversationOf returns the key of the conversation, whose events stay in order.
func conversationOf(ev *webhook.Event) string {
	if ev.Conversation != "" {
		return ev.Conversation
	}
	return store.Conversation(ev.Stanza.From.Bare().String(), ev.Stanza.To.Bare().String())
}

// recordOf returns an event as the store keeps it. Its age counts from since.
func recordOf(ev *webhook.Event, sender jid.JID, since time.Time) store.Record {
	return store.Record{ID: ev.ID, Component: ev.Component, Conversation: conversationOf(ev), Received: ev.Received, Since: since, Stanza: ev.Stanza.XML(), Facts: ev.Facts.Encode(), Sender: sender.String()}
}

// readEvent reads an event of the store. It fails for a damaged record only: the stanza
// was parsed before it was stored.
func readEvent(r *store.Record) (*webhook.Event, error) {
	s, err := stanza.Parse(r.Stanza, stanza.Limits{MaxBytes: len(r.Stanza) + 1})
	if err != nil {
		return nil, err
	}
	return &webhook.Event{ID: r.ID, Component: r.Component, Received: r.Received, Stanza: s, Facts: webhook.DecodeFacts(r.Facts)}, nil
}
