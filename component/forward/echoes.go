package forward

import (
	"sync"

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
type Echoes struct {
	mu      sync.Mutex
	waiting map[echo]bool
	order   []echo // in the order of sending; includes those that came back
	next    int    // index of the oldest, once there are maxEchoes
}

// echo identifies a message to a room that its author gets back.
type echo struct{ author, room, id string }

// Over returns a sender that remembers the messages to rooms.
func (e *Echoes) Over(s delivery.Sender) delivery.Sender { return echoing{s, e} }

type echoing struct {
	delivery.Sender
	echoes *Echoes
}

// Send implements delivery.Sender.
func (s echoing) Send(component string, x *stanza.Stanza, more bool, done func(error)) error {
	if x.Kind == stanza.Message && x.Type == "groupchat" && x.ID != "" {
		s.echoes.remember(echo{x.From.Bare().String(), x.To.Bare().String(), x.ID})
	}
	return s.Sender.Send(component, x, more, done)
}

func (e *Echoes) remember(m echo) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.waiting[m]: // sent again after the link refused it
		return
	case e.waiting == nil:
		e.waiting = make(map[echo]bool)
	}
	e.waiting[m] = true
	if len(e.order) < maxEchoes {
		e.order = append(e.order, m)
		return
	}
	delete(e.waiting, e.order[e.next])
	e.order[e.next] = m
	e.next = (e.next + 1) % maxEchoes
}

// take reports whether a stanza is a remembered reply, and forgets it.
func (e *Echoes) take(s *stanza.Stanza) bool {
	if s.Type != "groupchat" || s.Kind != stanza.Message || s.ID == "" {
		return false
	}
	m := echo{s.To.Bare().String(), s.From.Bare().String(), s.ID}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.waiting[m] {
		return false
	}
	delete(e.waiting, m)
	return true
}
