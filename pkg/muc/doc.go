// Package muc keeps one bot in one room of a multi-user chat (XEP-0045): it joins, stays,
// joins again, and says what happens there. A [Room] is a state machine: stanzas and the
// time go in, stanzas to send and events come out. It has no connection, no clock, no store
// and no goroutine.
//
// # How it is driven
//
//	room, err := muc.New(muc.Options{Room: room, Self: self, Nick: "Echo"}, mark)
//	out := room.Connected(now)             // the connection is up: the presence of the join
//	out = room.Receive(now, s)             // each stanza from the room to Self
//	out = room.Advance(now)                // at room.Deadline(), or later
//	room.Disconnected(now)                 // the connection was lost
//	out = room.Leave(now, "restarting")
//
// Each of them returns an [Output]: send its stanzas in their order, then handle its events
// in theirs. Of the stanzas some are IQs; their answers go into Receive as well. An IQ whose
// answer does not come needs nothing: the room waits for it until its Deadline. A query of
// an archive (urn:xmpp:mam:2) is answered by several messages and then a result, all of
// which go into Receive, in that order. A Room is not safe for concurrent use.
//
// What the bot says is announced with [Room.Sent]. The room sends it back to all that are
// in it, the bot included; the event of that has Own set, and Sent says which it is.
//
// # States
//
//	waiting  -> joining    Connected, or the end of a pause
//	joining  -> joined     own presence and then the subject, or 15 s after the presence
//	joining  -> refused    the room does not want us, see Refusal
//	joining  -> waiting    no answer, or an error that may pass; a pause of 5 s to 5 min
//	joined   -> joining    a self-ping (XEP-0410) shows that the room has lost us
//	joined   -> refused    kicked, banned, destroyed
//	any      -> waiting    Disconnected
//
// After each connection the room is joined again even if the server may have kept us: on
// Prosody 0.12 and ejabberd 23.01 that gives the full state anew, and others see nothing of
// it. A bot that ejabberd kept as a ghost gets in this way what it has missed.
//
// # Missed messages
//
// A [Mark] says up to where the messages of a room were seen. The application stores it,
// once the events before it are safe, and gives it to New after a restart. Messages after
// the mark come as events with Missed set, oldest first and before what is live: from the
// archive of the room (XEP-0313) where there is one and it answers, else from its history.
// Stamps of Prosody have whole seconds, and the clocks of two machines differ; so a mark
// also holds the last messages themselves, by hash, and messages a little older than it are
// compared with those. Live messages wait meanwhile, at most [maxHeld] events or a few
// seconds.
//
// Killed while messages wait here: the stored mark is before them, and they come again,
// as missed.
//
// # Whom to trust
//
// A message says nothing about its author but the nick: affiliation, role, real address
// and occupant-id come from the presence that the room sent. A <delay/> counts only between
// the own presence and the subject of a join, and in an archive. A stanza-id counts only by
// the room's own address, and only if the room says that it sets them (its disco#info) or
// our own words came back with one.
//
// # File by file
//
// room.go has the state, timer.go its timers; join.go joins, leaves, and knows nicks and refusals;
// presence.go and occupant.go know who is there, compact.go in little memory; message.go sorts messages; echo.go knows
// the bot's own words; mark.go and catchup.go find what was missed; configure.go makes a new
// room; build.go writes stanzas; mention.go finds the bot's nick in a text.
package muc
