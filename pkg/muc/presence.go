package muc

import (
	"strconv"
	"strings"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
)

// user is what <x xmlns='…muc#user'/> says (XEP-0045).
type user struct {
	codes         []int
	items         []*stanza.Element // a nick of several sessions has several
	actor, reason string
}

func readUser(x *stanza.Element) user {
	var u user
	if x == nil {
		return u
	}
	for i := range x.Children {
		switch c := &x.Children[i]; c.Local {
		case "status":
			if code, err := strconv.Atoi(attr(c, "code")); err == nil {
				u.codes = append(u.codes, code)
			}
		case "item":
			u.items = append(u.items, c)
			if a := c.Child(nsUser, "actor"); a != nil {
				if u.actor = attr(a, "nick"); u.actor == "" {
					u.actor = jid.FromServer(attr(a, "jid")).Bare().String()
				}
			}
			if t := c.Child(nsUser, "reason"); t != nil {
				u.reason = t.Text
			}
		}
	}
	return u
}

func (u *user) has(code int) bool {
	for _, c := range u.codes {
		if c == code {
			return true
		}
	}
	return false
}

// item returns an attribute of the first item.
func (u *user) item(name string) string {
	if len(u.items) == 0 {
		return ""
	}
	return attr(u.items[0], name)
}

// How much is kept of what people write into their presence, and of what rooms say of them,
// in bytes.
const (
	maxStatus  = 1000
	maxID      = 512
	maxAddress = 3071 // RFC 7622 section 3.1
	maxWord    = 32
)

// occupantOf returns who a presence is of, in the memory of the stanza.
func occupantOf(s *stanza.Stanza, u *user) Occupant {
	o := Occupant{Nick: s.From.Resource(), Affiliation: word(u.item("affiliation")), Role: word(u.item("role"))}
	if address := u.item("jid"); len(address) <= maxAddress {
		o.JID = jid.FromServer(address)
	}
	if o.ID = attr(element(s, nsOccupant, "occupant-id"), "id"); len(o.ID) > maxID {
		o.ID = ""
	}
	o.Show, _ = s.Text("show")
	o.Show = word(o.Show)
	o.Status, _ = s.Text("status")
	if len(o.Status) > maxStatus {
		o.Status = cut(o.Status, maxStatus)
	}
	return o
}

// word returns a word that is short enough to be one.
func word(text string) string {
	if len(text) > maxWord {
		return ""
	}
	return text
}

// cut returns the beginning of a text, with memory of its own.
func cut(text string, most int) string {
	if len(text) > most {
		return strings.Clone(stanza.Clean(text[:most]))
	}
	return strings.Clone(text)
}

// onPresence handles presence from the room. That of its bare address (ejabberd's caps,
// Prosody's avatar) says nothing about us, also when it is unavailable.
func (r *Room) onPresence(now time.Time, s *stanza.Stanza) {
	if r.state != Joining && r.state != Joined {
		return
	}
	if s.Type == "error" {
		r.onJoinError(now, s)
		return
	}
	nick := s.From.Resource()
	if nick == "" || len(nick) > maxResource || s.Type != "" && s.Type != "unavailable" {
		return
	}
	x := element(s, nsUser, "x")
	u := readUser(x)
	own := nick == r.nick || u.has(110) && r.state == Joining && !r.itself // the room may have changed our nick
	switch {
	case s.Type == "unavailable" && own:
		status, _ := s.Text("status")
		var destroy *stanza.Element
		if x != nil {
			destroy = x.Child(nsUser, "destroy")
		}
		if destroy != nil {
			if t := destroy.Child(nsUser, "reason"); t != nil {
				u.reason = t.Text
			}
		}
		r.onOwnLeave(now, nick, u, attr(destroy, "jid"), destroy != nil, status)
	case s.Type == "unavailable":
		r.onLeave(now, s, &u)
	case own:
		r.onOwnPresence(now, s, &u)
	default:
		r.onOther(s, &u)
	}
}

// onOwnPresence handles the presence that says that we are in, and with which nick.
func (r *Room) onOwnPresence(now time.Time, s *stanza.Stanza, u *user) {
	o := occupantOf(s, u)
	nick := strings.Clone(o.Nick)
	if r.nick != nick {
		r.drop(r.nick)
		r.nick = nick
	}
	if sameNick(nick, r.renameTo) {
		r.renameTo = ""
	}
	r.put(&o)
	r.used(nick)
	if r.state != Joining || r.itself {
		return
	}
	r.itself = true
	r.at.clear(joinTimer)
	if u.has(201) {
		if !r.o.Create {
			r.sendPresence(nick, "unavailable", "")
			r.refuse(now, notThere)
			return
		}
		r.made, r.traits = true, traits{}
		r.arranged = false
		r.configure(now)
	}
	if !r.known { // it says so to who comes in (XEP-0045 section 7.2.6)
		r.anonymous = !u.has(100)
	}
	r.joined(now)
	r.at.set(subjectTimer, now.Add(subjectWait))
}

// onLeave handles that another occupant goes, or changes the nick.
func (r *Room) onLeave(now time.Time, s *stanza.Stanza, u *user) {
	nick := s.From.Resource()
	if to := fromServer(u.item("nick")); u.has(303) && to != "" && to != r.nick {
		r.rename(nick, to)
		r.report(Event{Kind: OccupantHas, Stanza: s, Occupant: r.author(to), Change: ChangeNick, OldNick: nick})
	} else {
		gone := r.remove(nick)
		e := Event{Kind: OccupantHas, Stanza: s, Occupant: gone, Change: ChangeLeft, Actor: u.actor, Text: u.reason}
		for _, code := range u.codes {
			e.Code = code
		}
		r.report(e)
	}
	if r.state == Joined && r.nick != r.o.Nick && nick == r.o.Nick {
		r.takeNick(now)
	}
}

// onOther handles the presence of another occupant.
func (r *Room) onOther(s *stanza.Stanza, u *user) {
	o := occupantOf(s, u)
	full := r.find(o.Nick) == nil && len(r.byNick) >= r.o.MaxOccupants
	_, counted := r.uncounted[hash(o.Nick)] // there before, and known by nick from now on
	before, known := r.put(&o)
	e := Event{Kind: OccupantHas, Stanza: s, Occupant: r.trusted(o)}
	switch {
	case full || counted:
		return
	case !known:
		e.Change = ChangeJoined
	case before.Affiliation != o.Affiliation:
		e.Change = ChangeAffiliation
	case before.Role != o.Role:
		e.Change = ChangeRole
	case before.Show != o.Show || before.Status != o.Status:
		e.Change = ChangeStatus
	default:
		return
	}
	r.report(e)
}

// report emits an event about others, once we are in.
func (r *Room) report(e Event) {
	if r.state == Joined {
		r.hold(&e)
	}
}
