package muc

import (
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
	Stay        int // another one when somebody comes with a nick that was free, or may have been while the bot was away
}

// occupants are those of a room.
type occupants struct {
	byNick     []occupant          // in the order of the nicks
	uncounted  map[uint64]struct{} // the hashes of the nicks beyond MaxOccupants
	generation uint32              // number of the join
	stays      uint32              // number of the last stay
}

// maxUncounted bounds how many occupants are counted beyond those that are known by nick.
const maxUncounted = 100_000

// find returns the occupant with a nick, which is valid until the next change; nil if there is
// none.
func (r *occupants) find(nick string) *occupant {
	if i, ok := r.place(nick); ok {
		return &r.byNick[i]
	}
	return nil
}

// place returns where the occupant with a nick is, or would be.
func (r *occupants) place(nick string) (i int, found bool) {
	i, end := 0, len(r.byNick)
	for i < end {
		if middle := (i + end) / 2; r.byNick[middle].nick < nick {
			i = middle + 1
		} else {
			end = middle
		}
	}
	return i, i < len(r.byNick) && r.byNick[i].nick == nick
}

// alone reports whether nobody else is in the room.
func (r *occupants) alone() bool { return len(r.byNick)+len(r.uncounted) <= 1 }

// drop takes out the occupant with a nick.
func (r *occupants) drop(nick string) {
	if i, ok := r.place(nick); ok {
		r.byNick = slices.Delete(r.byNick, i, i+1)
	}
}

// put notes an occupant, and returns what it was before; known says whether there was one.
func (r *Room) put(o *Occupant) (before Occupant, known bool) {
	i, known := r.place(o.Nick)
	if !known && len(r.byNick) >= r.o.MaxOccupants && o.Nick != r.nick {
		if r.uncounted == nil {
			r.uncounted = make(map[uint64]struct{})
		}
		if len(r.uncounted) < maxUncounted {
			r.uncounted[hash(o.Nick)] = struct{}{}
		}
		return Occupant{}, false
	}
	is := occupant{stay: r.stays + 1, generation: r.generation}
	if known {
		before = r.byNick[i].whole()
		if r.byNick[i].generation == r.generation {
			is.stay = r.byNick[i].stay
		} else { // while we were away, somebody else may have got the nick
			r.stays++
		}
		is.fill(o, &r.byNick[i])
		r.byNick[i] = is
		return before, true
	}
	delete(r.uncounted, hash(o.Nick))
	r.stays++
	is.fill(o, nil)
	r.byNick = slices.Insert(r.byNick, i, is)
	return Occupant{}, false
}

// remove takes an occupant out, and returns it.
func (r *Room) remove(nick string) Occupant {
	gone := r.author(nick)
	if gone.Stay == 0 {
		delete(r.uncounted, hash(nick))
	}
	r.drop(nick)
	return gone
}

// rename moves an occupant to another nick.
func (r *Room) rename(old, nick string) {
	if o := r.find(old); o != nil && len(nick) <= maxResource {
		moved := *o
		moved.nick = strings.Clone(nick)
		r.drop(old)
		r.drop(nick)
		i, _ := r.place(nick)
		r.byNick = slices.Insert(r.byNick, i, moved)
	} else if _, counted := r.uncounted[hash(old)]; counted {
		delete(r.uncounted, hash(old))
		r.uncounted[hash(nick)] = struct{}{}
	}
}

// sweep removes those whom the last join did not show, and the memory that nobody needs after it.
func (r *Room) sweep() {
	r.byNick = slices.Clone(slices.DeleteFunc(r.byNick, func(o occupant) bool { return o.generation != r.generation }))
}

// reset forgets everybody.
func (r *Room) reset() { r.byNick, r.uncounted, r.nick = nil, nil, r.o.Nick }

// author returns the occupant of a nick.
func (r *Room) author(nick string) Occupant {
	if o := r.find(nick); o != nil {
		return r.trusted(o.whole())
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
	for i := range r.byNick {
		all = append(all, r.trusted(r.byNick[i].whole()))
	}
	return all
}

// Occupant returns the occupant with a nick.
func (r *Room) Occupant(nick string) (Occupant, bool) {
	if o := r.find(nick); o != nil {
		return r.trusted(o.whole()), true
	}
	return Occupant{}, false
}
