package bounce

import (
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"stanzahook/component"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// maxQuiet bounds the messages that are remembered.
const maxQuiet = 10_000

// Quiet consumes the errors of our messages that say nothing: typing, markers, receipts and
// reactions. A server returns them when a user is offline, and nobody has to do anything
// about it.
//
// Killed: what was sent before is forgotten, and its errors are events message.error.
type Quiet struct {
	Swallowed atomic.Int64

	sent *lru.Cache[key, struct{}]
}

// NewQuiet returns a Quiet that knows no messages.
func NewQuiet() *Quiet {
	sent, _ := lru.New[key, struct{}](maxQuiet) // fails for a bound below 1
	return &Quiet{sent: sent}
}

// Note remembers a message that says nothing; others it leaves.
func (q *Quiet) Note(s *stanza.Stanza) {
	if f := message.Read(s); !f.HasBody() {
		switch f.Event {
		case message.Typing, message.Marker, message.Receipt, message.Reaction:
			q.Add(s)
		}
	}
}

// Add remembers a message, whatever it says.
func (q *Quiet) Add(s *stanza.Stanza) {
	if s.ID != "" {
		// The id may be a part of a large stanza.
		q.sent.Add(key{s.From, s.To.Bare(), strings.Clone(s.ID)}, struct{}{})
	}
}

// Handle implements component.Handler.
func (q *Quiet) Handle(in *component.Incoming) bool {
	if in.Kind != stanza.Message || in.Type != "error" || !q.sent.Contains(key{in.To, in.From.Bare(), in.ID}) {
		return false
	}
	q.Swallowed.Add(1)
	return true
}

// Over returns a sender that remembers every message.
func (q *Quiet) Over(s delivery.Sender) delivery.Sender { return quiet{s, q} }

type quiet struct {
	delivery.Sender
	q *Quiet
}

// Send implements delivery.Sender.
func (s quiet) Send(component string, x *stanza.Stanza, more bool, done func(error)) error {
	s.q.Add(x)
	return s.Sender.Send(component, x, more, done)
}
