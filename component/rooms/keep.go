package rooms

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
)

// Errors of Keep and Leave.
var (
	ErrConfigured = errors.New("the room is one of the configuration")
	ErrFull       = errors.New("the component has as many rooms as room_policy.max_rooms allows")
	errInvited    = errors.New("the rooms of invitations take up their share: half of room_policy.max_rooms, and a quarter for those of one service elsewhere")
	ErrShare      = errors.New("this caller has its share of the rooms: as many as room_policy.max_rooms leaves to all others; leave one, or raise max_rooms")
	ErrNone       = errors.New("the bot is not kept in this room")
	ErrSeveral    = errors.New("several bots are in this room: say which one with from")
)

// Keep puts a bot into a room, and keeps it there over restarts. It does not wait for the
// join. Of a room that is kept, it changes nick and password, and tries again if the room
// had refused.
//
// Killed before it returns: the room is kept or not.
//
// Errors: ErrConfigured, ErrFull, ErrShare, and those of settings that make no sense.
func (r *Rooms) Keep(ctx context.Context, set Settings) error {
	_, err := r.keep(ctx, set)
	return err
}

func (r *Rooms) keep(ctx context.Context, set Settings) (*session, error) {
	k, err := keyOf(set.Room, set.Bot)
	if err != nil {
		return nil, err
	}
	r.forgetting.Lock()
	s, isNew, err := r.take(k, &set)
	r.forgetting.Unlock()
	if err != nil {
		return nil, err
	}
	r.mu.RLock()
	link, policy := r.links[k.self.Domain()], r.policy
	r.mu.RUnlock()
	if !isNew {
		if err := checkSettings(s.options(set, policy)); err != nil {
			return nil, err
		}
		s.change(set, policy)
	}
	if err := s.save(ctx); err != nil {
		if isNew {
			r.drop(ctx, s, "")
		}
		return nil, err
	}
	switch {
	case isNew && link != nil:
		s.connected(link)
	case !isNew:
		s.retry(true)
	}
	r.poke()
	return s, nil
}

// take returns the session of a room, which it makes if there is none.
func (r *Rooms) take(k key, set *Settings) (s *session, isNew bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, false, gateway.ErrStopping
	}
	if s = r.sessions[k]; s != nil {
		is := s.settings()
		if set.Source, set.By = is.Source, is.By; set.Source == FromConfig {
			return nil, false, ErrConfigured
		}
		return s, false, nil
	}
	if set.Source == "" {
		set.Source = FromAPI
	}
	if err = r.hasShare(k, set); err == nil {
		s, err = r.add(k, *set)
	}
	switch {
	case errors.Is(err, ErrFull):
		r.Counters.Full.Add(1)
	case errors.Is(err, ErrShare), errors.Is(err, errInvited):
		r.Counters.OverShare.Add(1)
	}
	return s, true, err
}

func checkSettings(o muc.Options) error {
	_, err := muc.New(o, muc.Mark{})
	return err
}

// Leave takes a bot out of a room, and keeps it no longer. With destroy the room itself
// ends, if the bot owns it.
//
// Errors: ErrNone, ErrConfigured; with destroy a *stanza.Error of the room.
func (r *Rooms) Leave(ctx context.Context, room, bot jid.JID, destroy bool, reason string) error {
	s, err := r.find(room, bot)
	if err != nil {
		return err
	}
	if s.settings().Source == FromConfig {
		return ErrConfigured
	}
	if destroy {
		if err := r.destroy(ctx, s, reason); err != nil {
			return err
		}
	}
	r.drop(ctx, s, reason)
	return nil
}

// drop leaves a room and forgets it.
func (r *Rooms) drop(ctx context.Context, s *session, status string) {
	nick, announced := s.leave(status)
	r.forgetting.Lock()
	defer r.forgetting.Unlock()
	r.mu.Lock()
	if r.sessions[s.key] != s { // somebody else was faster, and it may be kept anew
		r.mu.Unlock()
		return
	}
	delete(r.sessions, s.key)
	r.list = nil
	list := r.byRoom[s.key.room]
	for i := range list {
		if list[i] == s {
			r.byRoom[s.key.room] = append(append([]*session(nil), list[:i]...), list[i+1:]...)
			break
		}
	}
	if len(r.byRoom[s.key.room]) == 0 {
		delete(r.byRoom, s.key.room)
	}
	r.noteShared(s.key.room)
	r.depart(s.key, nick, !announced)
	r.mu.Unlock()
	s.forgetWaiting()
	if announced {
		s.erase(ctx)
	} else {
		s.entomb(ctx, nick)
	}
}

// noteShared notes whether several bots of ours are in a room. r.mu is held.
func (r *Rooms) noteShared(room jid.JID) {
	list := r.byRoom[room]
	for _, s := range list {
		s.shared.Store(len(list) > 1)
	}
}

func (r *Rooms) forget(room, bot string) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := r.o.Store.Remove(ctx, room, bot); err != nil {
		r.log.Warn("room not forgotten", zap.String("room", room), zap.Error(err))
	}
}
