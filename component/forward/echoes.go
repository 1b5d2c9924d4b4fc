package forward

import (
	"sync"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/stanza"
)

// maxEchoes is how many replies to rooms are remembered.
const maxEchoes = 10_000

// Echoes recognises what a room gives back to its author. A room sends a message to
// all its occupants, the one who wrote it included (XEP-0045 section 7.4); a bot that
// answers whatever is said there would answer itself, and that again, without end. So
// an endpoint does not get its own replies. Copies are everything that is said.
//
// What is remembered is in memory only: when the process is killed between a reply and
// its return, the endpoint gets that one. Rooms that change a message's id are not
// seen through.
type Echoes struct {
	mu      sync.Mutex
	waiting map[echo]bool
	order   []echo // as they were sent; those that came back are still in it
	next    int    // where the next one goes, once there are maxEchoes
}

// echo is a message to a room, as its author gets it back.
type echo struct{ author, room, id string }

// Over returns a sender that remembers what goes to rooms.
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
	case e.waiting[m]: // one that the link did not take at first
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

// take reports whether a stanza is a reply that a room gives back, once for each.
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
