package muc

import (
	"slices"
	"strings"

	"stanzahook/pkg/jid"
)

// occupant is an [Occupant] as a room holds it, of whom there may be thousands.
type occupant struct {
	nick                    string
	more                    *more // nil: there is nothing of it
	stay, generation        uint32
	affiliation, role, show uint8 // places in words; 0: see more
}

// more is what the rooms do not show of most occupants, or of none.
type more struct {
	id, status              string
	jid                     jid.JID
	affiliation, role, show *string // of words that are none of the protocol
}

// words are those of the protocol, at the place of their numbers.
var words = [...]string{"", "owner", "admin", "member", "none", "outcast", "moderator", "participant", "visitor", "away", "chat", "dnd", "xa"}

// fill takes over what an occupant is. What has not changed since before, which may be nil, keeps
// its memory; the rest gets memory of its own, as a stanza is no longer than its event.
func (o *occupant) fill(is *Occupant, before *occupant) {
	var had *more
	if before != nil {
		o.nick, had = before.nick, before.more
	} else {
		o.nick = strings.Clone(is.Nick)
	}
	var m more
	o.affiliation, m.affiliation = number(is.Affiliation)
	o.role, m.role = number(is.Role)
	o.show, m.show = number(is.Show)
	if is.ID == "" && is.Status == "" && is.JID.IsZero() && m == (more{}) {
		return
	}
	if had != nil && had.id == is.ID && had.status == is.Status && had.jid == is.JID && m == (more{}) && had.affiliation == nil && had.role == nil && had.show == nil {
		o.more = had
		return
	}
	m.id, m.status, m.jid = strings.Clone(is.ID), strings.Clone(is.Status), is.JID
	if had != nil && had.id == m.id {
		m.id = had.id
	}
	if had != nil && had.jid == m.jid {
		m.jid = had.jid
	} else {
		m.jid = m.jid.Clone()
	}
	o.more = &m
}

// number returns the number of a word; 0 and the word itself if it is none of the protocol.
func number(word string) (n uint8, other *string) {
	if i := slices.Index(words[:], word); i >= 0 {
		return uint8(i), nil
	}
	own := strings.Clone(word)
	return 0, &own
}

// whole returns an occupant as others know it.
func (o *occupant) whole() Occupant {
	w := Occupant{Nick: o.nick, Affiliation: words[o.affiliation], Role: words[o.role], Show: words[o.show], Stay: int(o.stay)}
	if m := o.more; m != nil {
		w.ID, w.Status, w.JID = m.id, m.status, m.jid
		for _, x := range [...]struct {
			to   *string
			from *string
		}{{&w.Affiliation, m.affiliation}, {&w.Role, m.role}, {&w.Show, m.show}} {
			if x.from != nil {
				*x.to = *x.from
			}
		}
	}
	return w
}
