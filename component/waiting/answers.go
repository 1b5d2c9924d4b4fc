package waiting

import (
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// maxAnswers bounds the answers that wait, in bytes; a room may have a quarter. Over it the
// conversation that they belong to waits.
const maxAnswers = 32 << 20

// Over returns a sender of the answers of webhooks, whose addresses rooms.Over has seen. One
// for a room waits, in memory, until the bot is in it; that a bot types is not said later.
func (m *Messages) Over(s delivery.Sender) delivery.Sender { return answering{s, m} }

type answering struct {
	delivery.Sender
	m *Messages
}

// Send implements delivery.Sender.
//
// Killed before done: the event is delivered again, and so is its answer.
func (a answering) Send(component string, s *stanza.Stanza, more bool, done func(error)) error {
	if !a.m.Takes(s) {
		return a.Sender.Send(component, s, more, done)
	}
	one := a.m.newMessage(s, store.WaitingMessage{Room: true})
	one.answer = done
	f, err := a.m.tryNow(one, more)
	switch {
	case err != nil || f != nil:
		return err
	case webhook.IsTyping(s):
		done(nil)
		return nil
	}
	return a.m.await(one)
}

// await lets an answer wait. Error: gateway.ErrBusy over a bound.
func (m *Messages) await(one *message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := len(one.stanza.XML())
	r := m.rooms[one.place()]
	if m.answers+size > maxAnswers || r != nil && (r.isFull(one) || r.bytes+size > maxAnswers/4) {
		return gateway.ErrBusy
	}
	m.enqueue(one)
	return nil
}
