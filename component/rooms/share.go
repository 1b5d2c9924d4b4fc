package rooms

// rooms returns how many rooms the component of a bot has for which a condition holds; nil: all.
// r.mu is held.
func (r *Rooms) rooms(of key, counts func(k key, set *Settings) bool) (n int) {
	for k, s := range r.sessions {
		if k.self.Domain() == of.self.Domain() && (counts == nil || counts(k, s.set.Load())) {
			n++
		}
	}
	return n
}

// hasShare returns why somebody may not have one more room, though there are places. Rooms that
// were stored keep their places, whatever the order in which they come back. r.mu is held.
//
// A caller of the API may have as many as are left for all others: half of them if it is alone,
// a third if two want all. However many have come before, there is room for who comes next.
//
// Anybody can invite, so the rooms of invitations take half of all at most, and those of one
// stranger, whose services may have any number of names, a quarter.
func (r *Rooms) hasShare(k key, set *Settings) error {
	most := r.policy.MaxRooms
	free := most - r.rooms(k, nil)
	if free <= 0 {
		return ErrFull
	}
	if set.Source != FromInvite {
		if r.rooms(k, func(other key, is *Settings) bool { return is.Source == FromAPI && caller(other, is) == caller(k, set) }) >= free {
			return ErrShare
		}
		return nil
	}
	invited, there, site := 0, 0, k.room.Site()
	r.rooms(k, func(other key, is *Settings) bool {
		if is.Source == FromInvite {
			if invited++; other.room.Site() == site {
				there++
			}
		}
		return false
	})
	if invited >= (most+1)/2 || there >= (most+3)/4 && !r.isHome(k) {
		return errInvited
	}
	return nil
}

// caller names who has asked for a room: one whose name is not known, as that of a hook, counts
// as the bot.
func caller(k key, set *Settings) string {
	if set.By != "" {
		return set.By
	}
	return k.self.Bare().String()
}
