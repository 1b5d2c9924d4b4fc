package rooms

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/store"
)

// Set takes over the rooms of the configuration and the policy. Rooms of it that have
// refused us are tried again at a reload; rooms that are not in it any more are left.
func (r *Rooms) Set(configured []Settings, p Policy) {
	r.mu.Lock()
	first := r.policy.MaxRooms == 0
	r.policy = p
	wanted := make(map[key]bool)
	change := make(map[*session]Settings)
	var leave, added []*session
	for _, set := range configured {
		set.Source = FromConfig
		k, err := keyOf(set.Room, set.Bot)
		if err != nil {
			continue // it was checked
		}
		wanted[k] = true
		if s := r.sessions[k]; s != nil {
			change[s] = set
			continue
		}
		s, err := r.add(k, set)
		if err != nil {
			r.log.Error("room not joined", zap.Stringer("room", set.Room), zap.Stringer("bot", set.Bot), zap.Error(err))
			continue
		}
		added = append(added, s)
	}
	for k, s := range r.sessions {
		switch {
		case first || wanted[k]:
		case s.settings().Source == FromConfig:
			leave = append(leave, s)
		default:
			change[s] = s.settings()
		}
	}
	if first {
		r.addStored()
	}
	links := maps.Clone(r.links)
	r.mu.Unlock()
	for _, s := range added {
		if link := links[s.self.Domain()]; link != nil {
			s.connected(link)
		}
	}
	if first {
		for _, link := range links {
			r.tellDeparted(link)
		}
	}
	for _, s := range leave {
		r.drop(context.Background(), s, "")
	}
	for s, set := range change {
		s.change(set, p)
		if set.Source == FromConfig {
			s.retry(false)
		}
	}
	r.poke()
}

// addStored adds the rooms that the API and invitations made, and forgets the others that
// are not in the configuration any more. r.mu is held.
func (r *Rooms) addStored() {
	for k, rec := range r.stored {
		if len(rec.Kept) == 0 {
			if !r.departStored(k, rec) {
				go r.forget(rec.Room, rec.Bot)
			}
			continue
		}
		var o kept
		if err := json.Unmarshal(rec.Kept, &o); err != nil {
			r.log.Error("room unreadable", zap.String("room", rec.Room), zap.Error(err))
			continue
		}
		set := Settings{Room: k.room, Bot: k.self.Bare(), Nick: o.Nick, Password: secret.New(o.Password), History: o.History, Create: o.Create, Config: o.Config, Rejoin: o.Rejoin, Source: o.Source, By: o.By}
		if _, err := r.add(k, set); err != nil {
			r.log.Error("room not joined", zap.String("room", rec.Room), zap.String("bot", rec.Bot), zap.Error(err))
		}
	}
}

// add makes the session of a room; r.mu is held. The link, if it is connected, has to be
// told by its caller.
func (r *Rooms) add(k key, set Settings) (*session, error) {
	if r.rooms(k, nil) >= r.policy.MaxRooms {
		return nil, ErrFull
	}
	s := &session{all: r, key: k, beside: k.room.Beside(k.self), conversation: store.Conversation(k.room.String(), k.self.Bare().String())}
	s.set.Store(&set)
	rec := r.stored[k]
	delete(r.stored, k)
	var m muc.Mark
	if len(rec.Mark) > 0 {
		if err := json.Unmarshal(rec.Mark, &m); err != nil {
			r.log.Warn("mark of a room unreadable", zap.Stringer("room", k.room), zap.Error(err), zap.String("hint", "what was said while stanzahook was away is not delivered"))
		}
	}
	room, err := muc.New(s.options(set, r.policy), m)
	if err != nil {
		return nil, err
	}
	s.room = room
	if len(rec.Refused) > 0 {
		var why muc.Refusal
		_ = json.Unmarshal(rec.Refused, &why) // we wrote it
		s.room.Refuse(time.Now(), why)
		s.refusedStored = true
	}
	s.last = s.room.Standing()
	nick := s.room.Options().Nick
	s.nick.Store(&nick)
	last := ""
	if n := len(m.Nicks); n > 0 && s.last.State != muc.Refused {
		last = m.Nicks[n-1]
	}
	s.ours.Store(&ours{had: last})
	s.mark, s.marked = rec.Mark, !m.First.IsZero()
	r.sessions[k] = s
	r.list = nil
	delete(r.departed, k)
	r.byRoom[k.room] = append(r.byRoom[k.room], s)
	r.noteShared(k.room)
	return s, nil
}
