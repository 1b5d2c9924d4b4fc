// Package presence makes bots available without any action of theirs, as
// mod_component_http does ("auto"; RFC 6121 sections 3 and 4). It accepts every
// subscription to a JID of the component and answers with available presence. It
// answers probes in the same way.
package presence

import (
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/loglimit"
	"stanzahook/pkg/stanza"
)

// resource is the resource of the bots' presence.
const resource = "default"

// Auto answers subscriptions and probes and consumes these stanzas. It passes on
// other presence, for endpoints; [Swallow] consumes what is left.
type Auto struct {
	Subscribers *Subscribers
	Log         *zap.Logger

	repeats loglimit.Limiter
}

// Handle implements component.Handler.
func (a *Auto) Handle(in *component.Incoming) bool {
	if !Answers(in.Stanza) {
		return false
	}
	switch in.Type {
	case "subscribe":
		a.Subscribers.set(in.To, in.From, true)
		a.send(in, "subscribed", false)
		a.send(in, "", true)
	case "probe": // servers probe for subscribers only (RFC 6121 section 4.3)
		a.Subscribers.set(in.To, in.From, true)
		a.send(in, "", true)
	case "unsubscribe":
		a.Subscribers.set(in.To, in.From, false)
		a.send(in, "unsubscribed", false)
		a.send(in, "unavailable", true)
	}
	return true
}

// Answers reports whether Auto answers or swallows a stanza, so that no endpoint gets it.
func Answers(s *stanza.Stanza) bool {
	if s.Kind != stanza.Presence {
		return false
	}
	switch s.Type {
	case "subscribe", "probe", "unsubscribe", "subscribed", "unsubscribed": // bots request no subscriptions
		return true
	}
	return false
}

// send answers a presence stanza from the address it was sent to. Subscriptions are
// between bare JIDs; availability has a resource.
func (a *Auto) send(in *component.Incoming, typ string, full bool) {
	h := stanza.Header{Kind: stanza.Presence, Type: typ, From: in.To.Bare(), To: in.From.Bare()}
	if full {
		from, err := h.From.WithResource(resource)
		if err != nil {
			a.repeats.Warn(a.Log, "presence not sent", zap.Error(err))
			return
		}
		h.From, h.To = from, in.From
	}
	s, err := stanza.Build(h, a.Subscribers.content(h), stanza.Limits{})
	if err == nil {
		err = in.Link().Send(s, nil)
	}
	if err != nil {
		a.repeats.Warn(a.Log, "presence not sent", zap.Error(err))
	}
}

// Swallow consumes presence that no other handler consumed.
func Swallow(in *component.Incoming) bool { return in.Kind == stanza.Presence }
