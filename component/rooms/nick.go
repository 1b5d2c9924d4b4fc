package rooms

import "stanzahook/pkg/jid"

// SetNick changes the nick of a bot in a room. In a room of the configuration it lasts until
// the next reload. Errors: ErrNone, ErrSeveral, and those of a nick that cannot be.
func (r *Rooms) SetNick(room, bot jid.JID, nick string) error {
	s, err := r.find(room, bot)
	if err != nil {
		return err
	}
	r.mu.RLock()
	policy := r.policy
	r.mu.RUnlock()
	set := s.settings()
	set.Nick = nick
	if err := checkSettings(s.options(set, policy)); err != nil {
		return err
	}
	s.change(set, policy)
	return nil
}

// IsRoom reports whether one of our bots is kept in a room.
func (r *Rooms) IsRoom(room jid.JID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byRoom[room.Bare()]) > 0
}
