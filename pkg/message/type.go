package message

import "stanzahook/pkg/stanza"

// Type returns the type of the event that a stanza is: the kind and type of the stanza, as
// [stanza.Header.EventType] has it, or what somebody does with the message.
func Type(s *stanza.Stanza) string {
	if s.Kind != stanza.Message {
		return s.EventType()
	}
	switch Read(s).Event {
	case Correction:
		return "message.correction"
	case Reaction:
		return "message.reaction"
	case Retraction:
		return "message.retraction"
	case Marker:
		return "message.marker"
	case Receipt:
		return "message.receipt"
	case Typing:
		return "message.typing"
	case Encrypted:
		return "message.encrypted"
	case Invite:
		return "room.invite"
	}
	return s.EventType()
}
