package config

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	maxRooms   = 10_000
	maxMissed  = 10_000
	maxAnswers = 10_000
)

func (r *Room) check(s scope, before []Room) {
	if r.JID == "" {
		s.add("jid", "is missing; write the address of the room, for example ops@rooms.example.com")
	} else if j, err := jid.Parse(r.JID); err != nil || !j.IsBare() || j.Local() == "" {
		s.add("jid", "%s %v", quote(r.JID), errNotRoom)
	} else {
		r.JID, r.Address = j.String(), j
		if i := slices.IndexFunc(s.c.Components, func(c Component) bool { return strings.EqualFold(c.Domain, j.Domain()) }); i >= 0 {
			s.add("jid", "%s is in the domain of components[%d], where bots are and no rooms; write for example ops@rooms.example.com", quote(r.JID), i)
		}
	}
	r.checkBot(s)
	if r.Nick == "" && !s.isSet("nick") {
		if r.Nick = r.Bot.Local(); r.Nick == "" && !r.Bot.IsZero() {
			s.add("nick", "is missing, and from is no bot of whose name it could be made; write for example from: echo@%s", r.Bot)
		}
	} else if err := muc.CheckNick(r.Nick); err != nil {
		s.add("nick", "%s cannot be a nick: %s; write for example Echo", quote(r.Nick), strings.TrimPrefix(err.Error(), "nick: "))
	}
	if s.isSet("password") || s.isSet("password_file") {
		if s.secretOrFile("password", &r.Password, &r.PasswordFile) && stanza.CheckText(r.Password.Reveal()) >= 0 {
			s.add("password", "holds a character XML forbids; remove it")
		}
	}
	for name, values := range r.Config {
		if slices.ContainsFunc(append(values, name), func(t string) bool { return stanza.CheckText(t) >= 0 }) {
			s.add("config", "%s or its value holds a character XML forbids; remove it", quote(name))
		}
	}
	for name := range r.Config {
		if _, twice := r.Config[configPrefix+name]; twice {
			s.add("config", "has %s and %s%s, which are one variable; keep one of them", quote(name), configPrefix, shorten(name, unicode.IsSpace))
		}
	}
	if len(r.Config) > 0 && !r.Create {
		s.add("config", "has no effect without create: true: only a new room is configured; add that, or remove it")
	}
	if n := 1 + countRooms(before, r.Bot.Domain()); !r.Bot.IsZero() && s.c.RoomPolicy.MaxRooms > 0 && n == s.c.RoomPolicy.MaxRooms+1 {
		s.add("jid", "%s is one room too many: %s has more than the %d of room_policy.max_rooms; raise that", quote(r.JID), r.Bot.Domain(), n-1)
	}
	for i := range before {
		if !r.Address.IsZero() && before[i].Address == r.Address && before[i].Bot == r.Bot {
			s.add("jid", "%s is the room of rooms[%d] already, with the same bot; keep one", quote(r.JID), i)
		}
	}
}

// countRooms returns how many rooms the bots of a component have.
func countRooms(all []Room, domain string) (n int) {
	for i := range all {
		if !all[i].Bot.IsZero() && all[i].Bot.Domain() == domain {
			n++
		}
	}
	return n
}

// configPrefix is what may be left out of the variables of a room.
const configPrefix = "muc#roomconfig_"

// checkBot checks which bot is in the room.
func (r *Room) checkBot(s scope) {
	if s.report.isReported("components") || len(s.c.Components) == 0 {
		return
	}
	if r.From == "" {
		r.defaultBot(s)
		return
	}
	j, err := jid.Parse(r.From)
	if err != nil || !j.IsBare() || j.Local() == "" {
		s.add("from", "%s is not the address of a bot; write for example echo@%s", quote(r.From), s.c.Components[0].Domain)
		return
	}
	ours := slices.ContainsFunc(s.c.Components, func(c Component) bool { return strings.EqualFold(c.Domain, j.Domain()) })
	if !ours {
		s.add("from", "%s is in the domain of no component; write for example echo@%s", quote(r.From), s.c.Components[0].Domain)
		return
	}
	r.From, r.Bot = j.String(), j
}

// defaultBot takes the only bot that there is: that of the other rooms, else the component.
func (r *Room) defaultBot(s scope) {
	if n := len(s.c.Components); n > 1 {
		s.add("from", "is missing, and there are %d components; write the address of the bot, for example echo@%s", n, s.c.Components[0].Domain)
		return
	}
	bots := make(map[jid.JID]bool)
	for i := range s.c.Rooms {
		if j, err := jid.Parse(s.c.Rooms[i].From); err == nil && j.IsBare() && j.Local() != "" && strings.EqualFold(j.Domain(), s.c.Components[0].Domain) {
			bots[j] = true
			r.Bot = j
		}
	}
	switch {
	case len(bots) > 1:
		r.Bot = jid.JID{}
		s.add("from", "is missing, and other rooms have %d bots; write the address of one of them", len(bots))
		return
	case len(bots) == 0:
		j, err := jid.Parse(s.c.Components[0].Domain)
		if err != nil {
			return // it is reported
		}
		r.Bot = j
	}
	r.From = r.Bot.String()
}

func (p *RoomPolicy) check(s scope) {
	switch {
	case len(p.Invites) == 1 && p.Invites[0] == "none":
	case len(p.Invites) == 1 && p.Invites[0] == "any":
		p.AnyInvite = true
	case len(p.Invites) == 0:
		s.add("invites", "is an empty list; write none, any, or patterns as *@example.com")
	default:
		p.InviteGlobs = s.patterns("invites", p.Invites, func(element, text, _ string) {
			if text == "none" || text == "any" {
				s.add(element, "%s stands alone, and not among patterns; remove it, or the others", text)
			}
		})
	}
	if p.MaxRooms < 1 || p.MaxRooms > maxRooms {
		s.add("max_rooms", "%d is not between 1 and %d", p.MaxRooms, maxRooms)
	}
	if p.SelfPing != 0 && p.SelfPing < 10*time.Second {
		s.add("self_ping", "%v is too often; write 10s or more, or 0s for never", p.SelfPing)
	}
	if p.CatchUp.Max < 1 || p.CatchUp.Max > maxMissed {
		s.add("catch_up.max", "%d is not between 1 and %d", p.CatchUp.Max, maxMissed)
	}
	if p.CatchUp.Age < time.Minute {
		s.add("catch_up.age", "%v is too short; write 1m or more (rooms[].history: none delivers nothing of the past)", p.CatchUp.Age)
	}
	if p.MaxAnswers < 1 || p.MaxAnswers > maxAnswers {
		s.add("max_answers_per_minute", "%d is not between 1 and %d", p.MaxAnswers, maxAnswers)
	}
}

// checkRooms checks which events of rooms the endpoint gets.
func (e *Endpoint) checkRooms(s scope) {
	s.someOf("rooms", e.Rooms, webhook.RoomMessages, webhook.RoomSelf, webhook.RoomOccupants, webhook.RoomSubject)
}

// checkRooms checks the keys for events of rooms.
func (m *Match) checkRooms(s scope) {
	for _, name := range [...]string{"mention", "own"} {
		if s.isSet(name) && !map[string]bool{"mention": m.Mention, "own": m.Own}[name] {
			s.add(name, "false has no meaning; write true, or remove it")
		}
	}
	if m.Mention && m.Own {
		s.add("own", "cannot be used with mention: nobody is meant by the bot's own words; keep one of them")
	}
	s.notEmpty("affiliation", m.Affiliation, "an affiliation, as owner")
	for i, a := range m.Affiliation {
		s.oneOf(s.elementOrList("affiliation", i), a, "owner", "admin", "member", "none")
	}
	s.notEmpty("role", m.Role, "a role, as moderator")
	for i, r := range m.Role {
		s.oneOf(s.elementOrList("role", i), r, "moderator", "participant", "visitor")
	}
	m.RealFromGlobs = s.patterns("real_from", m.RealFrom, func(string, string, string) {})
}
