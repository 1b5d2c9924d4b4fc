package app

import (
	"time"

	"stanzahook/component/bounce"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// noting remembers what endpoints answer, before somebody can react to it.
type noting struct {
	delivery.Sender
	quiet  *bounce.Quiet
	recent *message.Recent
}

// Send implements delivery.Sender.
func (n noting) Send(component string, s *stanza.Stanza, more bool, done func(error)) error {
	if s.Kind == stanza.Message && s.Type != "error" {
		n.quiet.Note(s)
		n.recent.Say(s, message.Sent(s, false), time.Now())
	}
	return n.Sender.Send(component, s, more, done)
}
