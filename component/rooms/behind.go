package rooms

import (
	"strings"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
)

// realOf returns the bare address of an occupant, as far as it can be believed; zero if it cannot,
// or the room hides it. A service of our own server knows who is in its rooms. One of another server
// can write what it likes: it is believed about the users of its own server, and not about
// ours, whom we would let do what its owner wants.
func (s *session) realOf(o *muc.Occupant) jid.JID {
	if o.JID.IsZero() { // of most
		return jid.JID{}
	}
	service, real := s.key.room.Domain(), o.JID.Bare()
	if s.beside || s.all.serves(service) || service == real.Domain() || strings.HasSuffix(service, "."+real.Domain()) {
		return real
	}
	return jid.JID{}
}

// isHome reports whether a room is at our own server.
func (r *Rooms) isHome(k key) bool {
	return k.room.Beside(k.self) || r.serves(k.room.Domain())
}

// serves reports whether our own server has a service, whatever its name.
func (r *Rooms) serves(domain string) bool { return r.o.Home != nil && r.o.Home(domain) }

// Behind reports whether an address is that of an occupant of a room that one of our bots is
// kept in, and returns who is behind it, by the presence that this bot got: the bare address,
// zero if the room hides it or cannot know it, or the bot is not there.
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
	if o, there := s.room.Occupant(occupant.Resource()); there {
		return s.realOf(&o), true
	}
	return jid.JID{}, true
}
