package message

import (
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// nsStanzaID is the namespace of XEP-0359.
const nsStanzaID = "urn:xmpp:sid:0"

// Received returns the Ref of a message that a user has sent to one of our bots. A
// groupchat message has one by [InRoom].
//
// Stanza-ids do not count here: the one that a server adds is for its user's archive, and
// what a client writes is its own invention.
func Received(s *stanza.Stanza) Ref {
	r := Ref{Kind: Chat, Own: s.To.Bare(), Peer: s.From, ID: s.ID, OriginID: originID(s), Author: s.From}
	if !private(s) {
		r.Peer = s.From.Bare()
	}
	return r
}

// private reports whether a message came through a room from one of its occupants
// (XEP-0045 section 7.5). A user who writes this element without a room is answered at
// the full address.
func private(s *stanza.Stanza) bool {
	_, ok := s.Child("http://jabber.org/protocol/muc#user", "x")
	return ok && s.Type != "groupchat"
}

// RoomIDs are what is known of a room's ids.
type RoomIDs struct {
	// StanzaIDs says that the room sets its own stanza-id and removes others that claim to
	// be its own (XEP-0359 section 3): it has the feature, or has done so with a message of
	// ours.
	StanzaIDs bool
	// Own is our address in the room, room/nick: its messages are ours.
	Own jid.JID
}

// InRoom returns the Ref of a groupchat message that a room has sent to one of our bots.
func InRoom(s *stanza.Stanza, room RoomIDs) Ref {
	r := Ref{Kind: Room, Own: s.To.Bare(), Peer: s.From.Bare(), ID: s.ID, OriginID: originID(s), Author: s.From, Mine: !room.Own.IsZero() && s.From == room.Own}
	if room.StanzaIDs {
		r.StanzaID = stanzaID(s, r.Peer)
	}
	return r
}

// Sent returns the Ref of a message that we send. That of a groupchat message gets its
// stanza-id when the room has sent it back. privately says that To is an occupant of a room.
func Sent(s *stanza.Stanza, privately bool) Ref {
	r := Ref{Kind: Chat, Own: s.From.Bare(), Peer: s.To.Bare(), ID: s.ID, OriginID: originID(s), Mine: true}
	switch {
	case s.Type == "groupchat":
		r.Kind = Room
	case privately || private(s):
		r.Peer = s.To
	}
	return r
}

// originID returns the origin-id of a message (XEP-0359); "" if there is none.
func originID(s *stanza.Stanza) string {
	c, ok := s.Child(nsStanzaID, "origin-id")
	if !ok {
		return ""
	}
	id, _ := s.ChildAttr(c, "id")
	return id
}

// stanzaID returns the first stanza-id by an address; "" if there is none. A room that
// sets one removes others of its own name.
func stanzaID(s *stanza.Stanza, by jid.JID) string {
	for _, c := range s.Children() {
		if c.Space != nsStanzaID || c.Local != "stanza-id" {
			continue
		}
		if v, _ := s.ChildAttr(c, "by"); v == by.String() || jid.FromServer(v) == by {
			id, _ := s.ChildAttr(c, "id")
			return id
		}
	}
	return ""
}
