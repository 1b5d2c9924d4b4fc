package message

import "stanzahook/pkg/stanza"

// Type returns the type of the event that a stanza is: what somebody does with the message,
// as [Read] has found it, or the kind and type of the stanza, as [stanza.Header.EventType]
// has it.
func Type(s *stanza.Stanza, event Event) string {
	switch event {
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
