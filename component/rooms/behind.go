package rooms

import "stanzahook/pkg/jid"

// Behind reports whether an address is that of an occupant of a room that one of our bots is
// kept in, and returns who is behind it, by the presence that this bot got: the bare address,
// zero if the room hides it, or the bot is not there.
func (r *Rooms) Behind(occupant, bot jid.JID) (who jid.JID, isRoom bool) {
	if occupant.Resource() == "" || !r.IsRoom(occupant) {
		return jid.JID{}, false
	}
	s, err := r.find(occupant, bot)
	if err != nil {
		return jid.JID{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, there := s.room.Occupant(occupant.Resource()); there && !o.JID.IsZero() {
		return o.JID.Bare(), true
	}
	return jid.JID{}, true
}
