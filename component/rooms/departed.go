package rooms

import (
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// departed is a room that a bot was in, and is kept in no longer.
//
// Without a connection the leave cannot be sent, and ejabberd keeps the bot as an occupant: the
// bot sends its leave after the next connect. Until then the store has a record of the room
// without settings.
//
// Killed before that: the next process finds the record, and sends the leave.
type departed struct {
	nick string
	owed bool      // the leave: the room has not got it
	next time.Time // when the leave may be sent again, if the room still sends messages
}

const (
	maxDeparted = 10_000 // rooms and bots; of more, one whose room has the leave is forgotten first
	tellPause   = 10 * time.Second
)

// depart notes that a bot is kept in a room no longer. r.mu is held.
func (r *Rooms) depart(k key, nick string, owed bool) {
	if _, had := r.departed[k]; !had && len(r.departed) >= maxDeparted {
		var drop key
		for k, d := range r.departed {
			if drop = k; !d.owed {
				break
			}
		}
		delete(r.departed, drop)
	}
	d := &departed{nick: nick, owed: owed}
	if !owed { // what the room has sent until it has the leave is still under way
		d.next = time.Now().Add(tellPause)
	}
	r.departed[k] = d
}

// departStored notes a room of the process before, which nobody keeps. It reports whether the
// room still has to get the leave; else nothing is to be kept of it. r.mu is held.
func (r *Rooms) departStored(k key, rec store.RoomRecord) bool {
	var m muc.Mark
	if len(rec.Refused) > 0 || json.Unmarshal(rec.Mark, &m) != nil || len(m.Nicks) == 0 {
		return false
	}
	r.depart(k, m.Nicks[len(m.Nicks)-1], true)
	return true
}

// tellDeparted tells the rooms of a component which do not know it yet that bots have left.
func (r *Rooms) tellDeparted(link *component.Link) {
	r.mu.RLock()
	var all []key
	for k, d := range r.departed {
		if d.owed && k.self.Domain() == link.Domain().Domain() {
			all = append(all, k)
		}
	}
	r.mu.RUnlock()
	for _, k := range all {
		r.tell(link, k)
	}
}

// tell sends the leave to a room. The presence is of this connection only: if it is
// lost, the leave is sent on the next one.
func (r *Rooms) tell(link *component.Link, k key) {
	r.mu.Lock()
	d := r.departed[k]
	if d == nil {
		r.mu.Unlock()
		return
	}
	d.next = time.Now().Add(tellPause)
	nick := d.nick
	r.mu.Unlock()
	to, err := k.room.WithResource(nick)
	if err != nil {
		return
	}
	p, err := stanza.Build(stanza.Header{Kind: stanza.Presence, Type: "unavailable", From: k.self, To: to}, "", stanza.Limits{})
	if err == nil {
		err = link.SendOnce(p, false, func(err error) {
			if err == nil {
				go r.onLeave(k) // the link must not wait for the store
			}
		})
	}
	if err != nil {
		r.repeats.Warn(r.log, "room not left yet", zap.Stringer("room", k.room), zap.Stringer("bot", k.self.Bare()), zap.Error(err))
	}
}

// onLeave forgets the record of a room that has the leave, unless it is kept anew.
func (r *Rooms) onLeave(k key) {
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	r.mu.Lock()
	d := r.departed[k]
	was := d != nil && d.owed
	if was {
		d.owed = false
	}
	kept := r.sessions[k] != nil
	r.mu.Unlock()
	if was && !kept {
		r.forget(k.room.String(), k.self.Bare().String())
		r.log.Info("room left", zap.Stringer("room", k.room), zap.Stringer("bot", k.self.Bare()))
	}
}

// fromDeparted handles a stanza to the resource of bots in rooms, from a room in which the bot
// is not kept. Nothing of it is for the endpoints: neither its presence, nor what is said in
// it, to all or to the bot alone. A room that still sends messages gets the leave once
// more.
func (r *Rooms) fromDeparted(in *component.Incoming) bool {
	if in.Kind == stanza.Presence {
		return in.From.IsFull()
	}
	if in.Type == "error" || in.Type != "groupchat" && in.From.IsBare() {
		return false
	}
	k := key{in.From.Bare(), in.To}
	r.mu.RLock()
	d := r.departed[k]
	again := d != nil && !time.Now().Before(d.next)
	r.mu.RUnlock()
	switch {
	case again:
		r.tell(in.Link(), k)
		return true
	case d != nil:
		return true
	}
	return in.Type == "groupchat" && r.isService(in.From.Domain())
}

// isService reports whether bots are kept in rooms of a service.
func (r *Rooms) isService(domain string) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for room := range r.byRoom {
		if room.Domain() == domain {
			return true
		}
	}
	return false
}

// tombstone is what is stored of a room that was left without a connection. s.mu is held.
func (s *session) tombstone(nick string) store.RoomRecord {
	m := s.room.Mark()
	if len(m.Nicks) == 0 {
		m.Nicks = []string{nick}
	}
	mark, _ := json.Marshal(m) // it has nothing that cannot be encoded
	return store.RoomRecord{Room: s.key.room.String(), Bot: s.self.Bare().String(), Mark: mark}
}
