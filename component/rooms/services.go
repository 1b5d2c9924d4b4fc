package rooms

import (
	"cmp"
	"slices"
	"strings"

	"stanzahook/component"
	"stanzahook/component/services"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// Service is a service of rooms that bots of one component use.
type Service struct {
	services.Offer
	Software string            // services.Prosody, services.Ejabberd, or empty: not known
	States   map[muc.State]int // how many bots are in rooms of it
	Rooms    int               // how many rooms these are
	// Most is how many rooms the bot has that has most, MostJoined how many a bot is in.
	Most, MostJoined int
	Limit            int // of the rooms of one bot, beyond which the service refused it; 0: none was seen
	// Creation is what came of the last try to make a room there; empty: none was made.
	Creation Creation
}

// Creation is what came of making a room.
type Creation string

// What can come of it, besides the error of a service that does not allow it.
const Created Creation = "created"

// Denied reports whether the service did not let a bot make a room.
func (c Creation) Denied() bool { return c != "" && c != Created }

// Services returns the services of rooms in use, by service and component.
func (r *Rooms) Services() []Service {
	type place struct{ component, service string }
	all := make(map[place]*Service)
	have, in := make(map[key]int), make(map[key]int) // by service and bot
	full := make(map[key]bool)
	rooms := make(map[place]map[jid.JID]bool)
	for _, s := range r.all() {
		host := jid.FromServer(s.key.room.Domain())
		p, bot := place{s.self.Domain(), host.Domain()}, key{host, s.self}
		v := all[p]
		if v == nil {
			v = &Service{Offer: r.offer(p.component, host), States: counts(), Creation: r.creation(p.component, p.service)}
			if r.o.Services != nil {
				v.Software = r.o.Services.Software(p.component, host)
			}
			all[p], rooms[p] = v, make(map[jid.JID]bool)
		}
		s.mu.Lock()
		state, why := s.last.State, s.room.Status().Refusal
		s.mu.Unlock()
		if state == muc.Left {
			continue // we are stopping
		}
		v.States[state]++
		rooms[p][s.key.room] = true
		v.Rooms = len(rooms[p])
		have[bot]++
		v.Most = max(v.Most, have[bot])
		switch {
		case state == muc.Joined:
			in[bot]++
			v.MostJoined = max(v.MostJoined, in[bot])
		case why.Condition == stanza.ResourceConstraint && strings.Contains(why.Text, "too many conferences"): // ejabberd's words
			full[bot] = true
		case why.Creation && v.Creation == "": // in an earlier process
			v.Creation = creationOf(why)
		}
	}
	for bot := range full {
		v := all[place{bot.self.Domain(), bot.room.Domain()}]
		v.Limit = max(v.Limit, in[bot])
	}
	list := make([]Service, 0, len(all))
	for _, v := range all {
		list = append(list, *v)
	}
	slices.SortFunc(list, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Service.String(), b.Service.String()), cmp.Compare(a.Component, b.Component))
	})
	return list
}

func counts() map[muc.State]int {
	return map[muc.State]int{muc.Waiting: 0, muc.Joining: 0, muc.Joined: 0, muc.Refused: 0}
}

func (r *Rooms) offer(component string, service jid.JID) services.Offer {
	if r.o.Services == nil {
		return services.Offer{Component: component, Service: service}
	}
	return r.o.Services.Get(component, service)
}

func (r *Rooms) creation(component, service string) Creation {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.created[[2]string{component, service}]
}

// triedToCreate notes what came of making a room, if that is what the bot did. What is known
// of a service is kept until the next try.
func (s *session) triedToCreate(st *muc.Status) {
	what := Created
	switch {
	case st.Made:
	case st.Refusal.Creation:
		what = creationOf(st.Refusal)
	default:
		return
	}
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.created[[2]string{s.self.Domain(), s.key.room.Domain()}] = what
}

func creationOf(why muc.Refusal) Creation {
	return Creation(cmp.Or(why.Text, string(why.Condition)))
}

// askService asks the service of the room what it offers, once a connection.
func (s *session) askService(link *component.Link) {
	if s.all.o.Services != nil {
		s.all.o.Services.Ask(link, jid.FromServer(s.key.room.Domain()))
	}
}

// isMute reports whether the service of a room answers no IQs.
func (r *Rooms) isMute(k key) bool {
	o := r.offer(k.self.Domain(), jid.FromServer(k.room.Domain()))
	return o.Silent()
}

// answers reports whether the service of a room has answered an IQ over this connection.
func (r *Rooms) answers(k key) bool {
	o := r.offer(k.self.Domain(), jid.FromServer(k.room.Domain()))
	return o.Answers != nil && *o.Answers
}

// setMute notes that a service answers no IQs, or that it does after all.
func (r *Rooms) setMute(component, service string, mute bool) {
	for _, s := range r.all() {
		if s.key.room.Domain() == service && s.self.Domain() == component {
			s.mu.Lock()
			s.room.SetMute(mute)
			s.mu.Unlock()
		}
	}
}
