package webhook

import (
	"slices"
	"time"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Typing says when the sender of a message sees that the endpoint works on it (XEP-0085).
// The zero Typing: never.
type Typing struct {
	After time.Duration // since the request began; 0: never
	Rooms bool          // in rooms, too
}

const (
	// TypingAgain is how often a notification is repeated: programs take it back when it gets
	// old, about 30 seconds.
	TypingAgain = 20 * time.Second
	// typingFor is how long after a message its sender is shown anything. Later attempts
	// are about something that nobody waits for any more.
	typingFor = 5 * time.Minute
)

// ShowsTyping reports whether the endpoint's work on an event is shown to its sender: that
// of a message with text or files, of one program of a user, not of another bot of ours. In
// a room it is shown to all, if Typing.Rooms says so.
func (e *Endpoint) ShowsTyping(ev *Event, now time.Time) bool {
	if e.Typing.After <= 0 || now.Sub(ev.Received) >= typingFor || !e.isForPeople(ev) || ev.Stanza.Type == "groupchat" && !e.Typing.Rooms {
		return false
	}
	f := message.Read(ev.Stanza)
	return f.Event == message.Said || f.Event == message.Correction
}

// TypingFor returns the notification that the endpoint works on the message of an event, or,
// with typing false, that it does not any more.
func (e *Endpoint) TypingFor(ev *Event, typing bool, id string) (*stanza.Stanza, error) {
	d := message.Draft{Does: message.Typing, Typed: typing}
	inner, _, err := d.Write(message.Ref{}, "", "")
	if err != nil {
		return nil, err
	}
	back := ev.Stanza.Reply()
	h := stanza.Header{Kind: stanza.Message, Type: "chat", ID: id, From: back.From, To: back.To}
	if ev.Stanza.Type == "groupchat" {
		h.Type, h.To = "groupchat", h.To.Bare()
	}
	if c, ok := ev.Stanza.Child("", "thread"); ok { // XEP-0085 section 5.4
		inner += stanza.TextElement("thread", ev.Stanza.ChildText(c))
	}
	return stanza.Build(h, inner, e.Limits)
}

// IsTyping reports whether a message is a chat state and nothing else (XEP-0085).
func IsTyping(s *stanza.Stanza) bool {
	if s.Kind != stanza.Message {
		return false
	}
	if _, has := s.Child("", "body"); has {
		return false
	}
	return slices.ContainsFunc(s.Children(), func(c stanza.Child) bool { return c.Space == "http://jabber.org/protocol/chatstates" })
}
