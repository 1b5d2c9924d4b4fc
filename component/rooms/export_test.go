package rooms

import "stanzahook/pkg/jid"

// HoldWrites makes the store of a room wait, as a slow one does.
func (r *Rooms) HoldWrites(room, bot jid.JID) (release func(), err error) {
	s, err := r.find(room, bot)
	if err != nil {
		return nil, err
	}
	s.saving.Lock()
	return s.saving.Unlock, nil
}
