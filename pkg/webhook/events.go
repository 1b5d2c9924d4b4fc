package webhook

import (
	"cmp"
	"slices"

	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

// Encrypted is what becomes of a message that is encrypted end to end, which no endpoint
// can read.
type Encrypted string

// The policies. Only with the second there is an event.
const (
	EncryptedReply   Encrypted = "reply"   // a text says so, once a day in a conversation
	EncryptedForward Encrypted = "forward" // the endpoint gets it, without a body
	EncryptedDrop    Encrypted = "drop"
)

// DefaultNotReadable is what EncryptedReply says.
const DefaultNotReadable = "I cannot read encrypted messages (OMEMO). Please turn encryption off for this chat and send it again."

// TypeOf returns the type of the event of a stanza: "message.chat", "message.reaction",
// "room.joined".
func TypeOf(s *stanza.Stanza) string { return TypeWith(s, message.Read(s).Event) }

// TypeWith is TypeOf for a stanza of which is known what somebody does with the message.
func TypeWith(s *stanza.Stanza, event message.Event) string { return RoomOf(s).TypeWith(s, event) }

// TypeWith is TypeWith for a stanza whose room is known; nil if it has none.
func (r *Room) TypeWith(s *stanza.Stanza, event message.Event) string {
	t := message.Type(s, event)
	switch {
	case r.Happening():
		return r.Type
	case r != nil && r.Type != "" && t == s.EventType(): // nothing is done with another message
		return r.Type
	}
	return t
}

// Wants reports whether the endpoint gets events of messages of this kind. The formats of
// the modules have all messages.
func (e *Endpoint) Wants(event message.Event) bool {
	if event == message.None || e.Format != FormatEvent && e.Format != "" {
		return true
	}
	if event == message.Announced || event == message.Encrypted && e.Encrypted != EncryptedForward {
		return false
	}
	if len(e.Events) == 0 {
		return slices.Contains(message.DefaultEvents(), event)
	}
	return slices.Contains(e.Events, event)
}

// SaysUnreadable returns the text that a sender of an encrypted message gets; "" if there
// is none.
func (e *Endpoint) SaysUnreadable() string {
	if e.Copy || e.Format != FormatEvent && e.Format != "" || e.Encrypted != EncryptedReply && e.Encrypted != "" {
		return ""
	}
	return cmp.Or(e.NotReadable, DefaultNotReadable)
}
