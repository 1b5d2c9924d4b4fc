package muc

import (
	"cmp"
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// Occupant is somebody in a room, as the presence from the room says.
type Occupant struct {
	Nick        string
	ID          string  // occupant-id (XEP-0421); empty where the room does not set it
	JID         jid.JID // zero if the room hides it
	Affiliation string  // owner, admin, member, none
	Role        string  // moderator, participant, visitor
	Show        string
	Status      string
	Stay        int // another one when somebody comes with a nick that was free

	generation int // the join that showed it
}

// occupants are those of a room.
type occupants struct {
	byNick     map[string]*Occupant
	uncounted  map[uint64]struct{} // the hashes of the nicks beyond MaxOccupants
	generation int                 // number of the join
	stays      int                 // number of the last stay
}

// maxUncounted bounds how many occupants are counted beyond those that are known by nick.
const maxUncounted = 100_000

// put notes an occupant, and returns what it was before, nil if it is new.
func (r *Room) put(o Occupant) (before *Occupant) {
	o.generation = r.generation
	if before = r.byNick[o.Nick]; before == nil && len(r.byNick) >= r.o.MaxOccupants && o.Nick != r.nick {
		if r.uncounted == nil {
			r.uncounted = make(map[uint64]struct{})
		}
		if len(r.uncounted) < maxUncounted {
			r.uncounted[hash(o.Nick)] = struct{}{}
		}
		return nil
	}
	if before == nil && len(r.uncounted) > 0 {
		delete(r.uncounted, hash(o.Nick))
	}
	if r.byNick == nil {
		r.byNick = make(map[string]*Occupant)
	}
	if before == nil {
		r.stays++
		o.Stay = r.stays
	} else {
		o.Stay = before.Stay
	}
	r.byNick[o.Nick] = &o
	return before
}

// remove takes an occupant out, and returns it.
func (r *Room) remove(nick string) Occupant {
	o := r.byNick[nick]
	if o == nil {
		delete(r.uncounted, hash(nick))
		return Occupant{Nick: nick}
	}
	delete(r.byNick, nick)
	return r.trusted(*o)
}

// rename moves an occupant to another nick.
func (r *Room) rename(old, nick string) {
	if o := r.byNick[old]; o != nil && len(nick) <= maxResource {
		delete(r.byNick, old)
		o.Nick = strings.Clone(nick)
		r.byNick[o.Nick] = o
	} else if _, counted := r.uncounted[hash(old)]; counted {
		delete(r.uncounted, hash(old))
		r.uncounted[hash(nick)] = struct{}{}
	}
}

// sweep removes those whom the last join did not show.
func (r *Room) sweep() {
	for nick, o := range r.byNick {
		if o.generation != r.generation {
			delete(r.byNick, nick)
		}
	}
}

// reset forgets everybody.
func (r *Room) reset() { r.byNick, r.uncounted, r.nick = nil, nil, r.o.Nick }

// author returns the occupant of a nick.
func (r *Room) author(nick string) Occupant {
	if o := r.byNick[nick]; o != nil {
		return r.trusted(*o)
	}
	return Occupant{Nick: nick}
}

// trusted returns an occupant without what its own client may have written.
func (r *Room) trusted(o Occupant) Occupant {
	if !r.occupantIDs {
		o.ID = ""
	}
	return o
}

// Occupants returns those who are known, by nick.
func (r *Room) Occupants() []Occupant {
	all := make([]Occupant, 0, len(r.byNick))
	for _, o := range r.byNick {
		all = append(all, r.trusted(*o))
	}
	slices.SortFunc(all, func(a, b Occupant) int { return cmp.Compare(a.Nick, b.Nick) })
	return all
}

// Occupant returns the occupant with a nick.
func (r *Room) Occupant(nick string) (Occupant, bool) {
	if o := r.byNick[nick]; o != nil {
		return r.trusted(*o), true
	}
	return Occupant{}, false
}
