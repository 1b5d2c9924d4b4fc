package muc

import (
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// Believed returns a message of the room's archive without what its author may have written in the
// place of the room. The archive itself says when it was said.
func (r *Room) Believed(s *stanza.Stanza) *stanza.Stanza { return r.believed(s, true, false) }

// believed returns a message of the room without what its author may have written in the place of
// the room: a stamp, of one that has none of the room's; an occupant-id, where the room sets none; and
// stanza-ids, but for that of a groupchat by the room, where it sets them and so removes others in its
// name (XEP-0359 section 3). Rooms pass on the rest: ejabberd 23.01 and 24.12 all but stanza-ids in
// their own name, Prosody also these where it has no module for archives, and in private messages.
func (r *Room) believed(s *stanza.Stanza, toAll, stamped bool) *stanza.Stanza {
	for _, space := range [...]string{nsDelay, nsOccupant} {
		if _, has := s.Child(space, ""); !has || space == nsDelay && stamped || space == nsOccupant && r.occupantIDs {
			continue
		}
		if without, err := s.Without(space, partsOf(s)); err == nil {
			s = without
		}
	}
	return r.withRoomID(s, toAll && r.stanzaIDs)
}

// withRoomID returns a message without stanza-ids, but for that of the room if it counts.
func (r *Room) withRoomID(s *stanza.Stanza, counts bool) *stanza.Stanza {
	claimed := func(c stanza.Child) bool {
		return c.Space == nsID && c.Local == "stanza-id" && !(counts && isBy(s, c, r.o.Room))
	}
	for _, c := range s.Children() {
		if claimed(c) {
			return onlyIDs(s, func(c stanza.Child) bool { return !claimed(c) })
		}
	}
	return s
}

// onlyIDs returns a message that has of its ids (XEP-0359) only some.
func onlyIDs(s *stanza.Stanza, keep func(c stanza.Child) bool) *stanza.Stanza {
	kept := ""
	for _, c := range s.Children() {
		if c.Space == nsID && keep(c) {
			kept += s.Element(c).XML()
		}
	}
	without, err := s.Without(nsID, partsOf(s))
	if err == nil && kept != "" {
		without, err = without.Append(kept, partsOf(s))
	}
	if err != nil {
		return s
	}
	return without
}

// isBy reports whether a stanza-id is by an address.
func isBy(s *stanza.Stanza, c stanza.Child, by jid.JID) bool {
	who, _ := s.ChildAttr(c, "by")
	return jid.FromServer(who) == by
}

// partsOf are limits for a stanza of the parts of another one, which were checked.
func partsOf(s *stanza.Stanza) stanza.Limits {
	return stanza.Limits{MaxBytes: len(s.XML()) + 4096, MaxDepth: 128, MaxAttrs: 128, MaxBindings: 512}
}
