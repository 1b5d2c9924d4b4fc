package waiting

import (
	"context"
	"errors"
	"fmt"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// flight is a message that the link has. It ends with the confirmation of the server, or with
// the connection.
type flight struct {
	done chan struct{} // closed at the end
	over bool          // guarded by Messages.mu, as err
	err  error
}

// errLost means that the connection has ended while a message was on its way: the server has it
// or not.
var errLost = fmt.Errorf("%w any more", gateway.ErrDown)

// tryNow sends a message if nothing waits for its room and the bot is in it; else it returns
// no flight. If the connection is lost, the message waits for the next join by itself.
func (m *Messages) tryNow(one *message, more bool) (*flight, error) {
	if m.waits(one.place()) {
		return nil, nil
	}
	f := &flight{done: make(chan struct{})}
	err := m.Rooms.Say(one.stanza, more, func(err error) { m.onLanded(one, f, err) })
	switch {
	case errors.Is(err, gateway.ErrDown):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return f, nil
}

// onLanded handles the end of a flight. It does not wait. No later message is sent before: the
// next join comes after the end of the connection.
func (m *Messages) onLanded(one *message, f *flight, err error) {
	m.mu.Lock()
	f.over, f.err = true, err
	lost := errors.Is(err, gateway.ErrDown)
	if lost && one.answer != nil && webhook.IsTyping(one.stanza) {
		lost, err = false, nil // it is not said later
	}
	if lost {
		f.err = errLost
		one.breaks++
	}
	if lost && !one.queued && !m.stopped {
		m.enqueue(one)
	}
	queued := one.queued
	m.mu.Unlock()
	close(f.done)
	if one.answer != nil && !queued && !lost {
		one.answer(err)
	}
}

// Depart sends a message to a room that the bot is in, and waits for the confirmation. It is
// for Options.Send.
//
// Killed: it was sent or not; what is stored is sent again.
//
// Errors: gateway.ErrDown, gateway.ErrBusy, gateway.ErrRejected, that of ctx.
func (m *Messages) Depart(ctx context.Context, s *stanza.Stanza) (gateway.State, error) {
	ended := make(chan error, 1)
	if err := m.Rooms.Say(s, false, func(err error) { ended <- err }); err != nil {
		return "", err
	}
	select {
	case err := <-ended:
		if errors.Is(err, gateway.ErrDown) {
			err = errLost
		}
		if err != nil {
			return "", err
		}
		return gateway.Confirmed, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
