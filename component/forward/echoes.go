package forward

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/stanza"
)

// maxEchoes bounds the replies to rooms that are remembered.
const maxEchoes = 10_000

// Echoes recognises replies that a room sends back to their author. A room sends
// each message to all occupants, including its author (XEP-0045 section 7.4), so a bot
// that replies to every message in a room would reply to itself forever. Therefore
// an endpoint does not get its own replies; endpoints with copy get all messages.
//
// Echoes keeps its table in memory only: if the process is killed between a reply and
// its return, the endpoint gets that reply. It does not recognise replies in rooms
// that change the id of messages.
type Echoes struct{ sent *lru.Cache[echo, struct{}] }

// echo identifies a message to a room that its author gets back.
type echo struct{ author, room, id string }

// NewEchoes returns Echoes without replies.
func NewEchoes() *Echoes {
	sent, _ := lru.New[echo, struct{}](maxEchoes) // fails for a bound below 1
	return &Echoes{sent}
}

// Over returns a sender that remembers the messages to rooms.
func (e *Echoes) Over(s delivery.Sender) delivery.Sender { return echoing{s, e} }

type echoing struct {
	delivery.Sender
	echoes *Echoes
}

// Send implements delivery.Sender.
func (s echoing) Send(component string, x *stanza.Stanza, more bool, done func(error)) error {
	if x.Kind == stanza.Message && x.Type == "groupchat" && x.ID != "" {
		s.echoes.sent.Add(echo{x.From.Bare().String(), x.To.Bare().String(), x.ID}, struct{}{})
	}
	return s.Sender.Send(component, x, more, done)
}

// take reports whether a stanza is a remembered reply, and forgets it.
func (e *Echoes) take(s *stanza.Stanza) bool {
	return s.Type == "groupchat" && s.Kind == stanza.Message && s.ID != "" &&
		e.sent.Remove(echo{s.To.Bare().String(), s.From.Bare().String(), s.ID})
}
