package rooms

import (
	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Handle implements component.Handler. It comes before all handlers that pass stanzas on:
// only this package may say what is known about rooms. It consumes what rooms send to the
// resource of their bots, and invitations.
func (r *Rooms) Handle(in *component.Incoming) bool {
	clean, err := webhook.WithoutRoom(in.Stanza)
	if err != nil {
		r.repeats.Warn(r.log, "stanza dropped", zap.Stringer("from", in.From), zap.String("reason", "it claims to come from this program"), zap.Error(err))
		return true
	}
	in.Stanza = clean
	if in.Kind == stanza.IQ {
		return false
	}
	if in.To.Resource() != Resource {
		return in.Kind == stanza.Message && r.onInvite(in)
	}
	r.mu.RLock()
	s := r.sessions[key{in.From.Bare(), in.To}]
	r.mu.RUnlock()
	if s == nil {
		return r.fromDeparted(in)
	}
	if in.Kind == stanza.Message && in.Type != "error" && in.Type != "groupchat" {
		if _, result := in.Child(nsArchive, "result"); result {
			return false
		}
	}
	s.receive(in.Stanza)
	return in.Kind != stanza.Message || in.Type != "error" // who has sent it wants to know
}

// HandleLarge takes a room's copy of what a bot has said there, if that was too large to be read:
// it comes without its body, and says that all have the message, and which id the room gave it.
func (r *Rooms) HandleLarge(in *component.Incoming) bool {
	r.mu.RLock()
	s := r.sessions[key{in.From.Bare(), in.To}]
	r.mu.RUnlock()
	if s == nil || in.From.Resource() == "" || in.From.Resource() != s.nickNow() {
		return false
	}
	clean, err := webhook.WithoutRoom(in.Stanza)
	if err != nil {
		return false
	}
	s.receive(clean)
	return true
}
