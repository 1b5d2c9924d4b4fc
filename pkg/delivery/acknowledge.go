package delivery

import (
	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/pkg/webhook"
)

// acknowledge shows people what becomes of a message, by a reaction: once, as a link that is full
// loses it.
//
// Killed before it is sent: it is not shown. What is delivered again is shown again.
func (t *target) acknowledge(sender Sender, ev *webhook.Event, emoji string) {
	if emoji == "" {
		return
	}
	s := t.Endpoint().Acknowledgement(ev, emoji, webhook.AcknowledgementID+ulid.Make().String())
	if s == nil {
		return
	}
	if err := sender.Send(ev.Component, s, false, func(error) {}); err != nil {
		t.repeats.Warn(t.log, "acknowledgement not sent", about(ev, zap.Error(err))...)
	}
}
