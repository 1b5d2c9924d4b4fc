package bots

import (
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// SetOnly says whether there are no other bots than those with a profile.
func (b *Bots) SetOnly(only bool) (changed bool) { return b.only.Swap(only) != only }

// Exists reports whether there is an address of a component: it has a profile, is the
// component itself, or others exist as well.
func (b *Bots) Exists(j jid.JID) bool { return !b.only.Load() || j.Local() == "" || b.get(j) != nil }

// Guard returns the handler that answers in the place of addresses that do not exist, as a
// server does for users that it does not have (RFC 6121 section 8.5.1): nothing tells them
// apart. Endpoints get nothing that is for them.
func (b *Bots) Guard() component.Handler {
	return component.HandlerFunc(func(in *component.Incoming) bool {
		if b.Exists(in.To) {
			return false
		}
		if in.Kind != stanza.Presence {
			in.Fail(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable})
			return true
		}
		if in.Type == "subscribe" || in.Type == "probe" {
			b.unsubscribe(in)
		}
		return true
	})
}

// unsubscribe says that there is no subscription (RFC 6121 section 3.1.3).
func (b *Bots) unsubscribe(in *component.Incoming) {
	s, err := stanza.Build(stanza.Header{Kind: stanza.Presence, Type: "unsubscribed", ID: in.ID, From: in.To.Bare(), To: in.From.Bare()}, "", stanza.Limits{})
	if err == nil {
		err = in.Link().Send(s, nil)
	}
	if err != nil { // the server asks again at the next login
		b.repeats.Warn(b.log, "presence not sent", zap.Error(err))
	}
}
