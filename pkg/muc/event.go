package muc

import (
	"time"

	"stanzahook/pkg/stanza"
)

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	Message     EventKind = "message"  // groupchat, of an occupant or of the room itself
	Private     EventKind = "private"  // from an occupant to the bot alone
	RoomJoined  EventKind = "joined"   // the bot is in
	RoomLeft    EventKind = "left"     // the bot is out, and did not want that: see Reason
	OccupantHas EventKind = "occupant" // another occupant has changed: see Change
	Subject     EventKind = "subject"  // it was changed: see Text
	Config      EventKind = "config"   // the room's configuration was changed
)

// Reasons of RoomLeft.
const (
	LeftKicked      = "kicked"
	LeftBanned      = "banned"
	LeftMembersOnly = "members-only"
	LeftDestroyed   = "destroyed"
	LeftItself      = "left"   // it was made to leave
	LeftServer      = "server" // its server goes down, or could not reach us: we come again
)

// Changes of an occupant.
const (
	ChangeJoined      = "joined"
	ChangeLeft        = "left"
	ChangeNick        = "nick"
	ChangeRole        = "role"
	ChangeAffiliation = "affiliation"
	ChangeStatus      = "status"
)

// Event is something that happened in a room.
type Event struct {
	Kind     EventKind
	Stanza   *stanza.Stanza // nil for RoomJoined and RoomLeft
	Occupant Occupant       // who did it, as the room's presence says; of somebody who is gone only the nick
	Own      bool           // the bot itself did it
	Sent     string         // of Own: the id given to Sent; empty: not known
	StanzaID string         // the room's, if it can be trusted

	Missed bool      // it was said while the bot was away
	Stamp  time.Time // of Missed: when it was said

	Change      string // of OccupantHas
	OldNick     string // of ChangeNick
	Reason      string // of RoomLeft
	Code        int    // status code, of RoomLeft and Config; 0: none
	Actor       string // nick of who did it to us
	Text        string // subject, reason given by people, remark
	Alternative string // of LeftDestroyed: another room

	Key  uint64    // of a message: the same when it comes again; 0: it has no id
	key  uint64    // the same for the mark, also without an id
	when time.Time // of a message, for the mark
	seen bool      // of a message of the past: the mark has it, so it only says where it stands
}

// named sets the key of an event whose message has an id. (A client that sets none may say
// the same twice.)
func (e *Event) named() {
	if _, has := e.Stanza.Child(nsID, "stanza-id"); has || e.Stanza.ID != "" {
		e.Key = e.key
	}
}
