package message

import "stanzahook/pkg/jid"

// The ids below are "" where the message has none that others can find it by: a room
// without stanza-ids hands on whatever id a client makes up.

// ReplyID is the id for a reply (XEP-0461 section 3.2).
func (r Ref) ReplyID() string { return r.inRoomElse(r.ID) }

// ReactionID is the id for a reaction (XEP-0444 section 4.2).
func (r Ref) ReactionID() string { return r.inRoomElse(r.stable()) }

// CorrectionID is the id for a correction (XEP-0308 section 3), in rooms too.
func (r Ref) CorrectionID() string { return r.ID }

// RetractionID is the id for a retraction (XEP-0424 section 3.1).
func (r Ref) RetractionID() string { return r.inRoomElse(r.stable()) }

// DisplayedID is the id for a marker (XEP-0333 section 4.2).
func (r Ref) DisplayedID() string { return r.inRoomElse(r.ID) }

func (r Ref) inRoomElse(id string) string {
	if r.Kind == Room {
		return r.StanzaID
	}
	return id
}

// stable is the origin-id; the id if there is none.
func (r Ref) stable() string {
	if r.OriginID != "" {
		return r.OriginID
	}
	return r.ID
}

// Type returns the type of a message in the same conversation.
func (r Ref) Type() string {
	if r.Kind == Room {
		return "groupchat"
	}
	return "chat"
}

// Writer returns the address of the author for a reply; zero if it is unknown.
func (r Ref) Writer() jid.JID {
	if r.Mine && r.Author.IsZero() {
		return r.Own
	}
	return r.Author
}
