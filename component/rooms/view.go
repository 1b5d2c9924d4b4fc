package rooms

import (
	"cmp"
	"context"
	"slices"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
)

// View is a bot in a room, for people and the API.
type View struct {
	muc.Status
	Room, Bot jid.JID
	Source    string
}

// List returns all bots in rooms, by room and bot.
func (r *Rooms) List() []View {
	var all []View
	for _, s := range r.all() {
		all = append(all, s.view())
	}
	slices.SortFunc(all, func(a, b View) int {
		return cmp.Or(cmp.Compare(a.Room.String(), b.Room.String()), cmp.Compare(a.Bot.String(), b.Bot.String()))
	})
	return all
}

// Get returns a bot in a room; without a bot, the only one in it. Errors: ErrNone,
// ErrSeveral.
func (r *Rooms) Get(room, bot jid.JID) (View, error) {
	s, err := r.find(room, bot)
	if err != nil {
		return View{}, err
	}
	return s.view(), nil
}

func (s *session) view() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return View{Status: s.room.Status(), Room: s.key.room, Bot: s.self.Bare(), Source: s.settings().Source}
}

// Await waits until a room is joined, with the nick that was asked for last unless somebody
// else has it, and its first mark is stored; or it has refused, or ctx is done, and returns what is then. Errors: ErrNone, ErrSeveral.
func (r *Rooms) Await(ctx context.Context, room, bot jid.JID) (View, error) {
	s, err := r.find(room, bot)
	if err != nil {
		return View{}, err
	}
	return s.await(ctx), nil
}

func (s *session) await(ctx context.Context) View {
	for {
		s.mu.Lock()
		state, changed := s.last.State, s.next()
		if s.last.Renaming || s.held && state == muc.Joined {
			state = muc.Joining
		}
		s.mu.Unlock()
		if state == muc.Joined || state == muc.Refused || state == muc.Left {
			return s.view()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.view()
		}
	}
}

func (s *session) stateNow() muc.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last.State
}

// Occupant is somebody in a room.
type Occupant struct {
	muc.Occupant         // JID is zero, too, where the room is not believed
	Claimed      jid.JID // the address that the room gives and is not believed about; zero: none
	Bot          bool    // one of ours
}

// Occupants returns who is in a room, with the real addresses that its events have: a room of
// another server is believed about the users of its own server alone. Errors: ErrNone,
// ErrSeveral.
func (r *Rooms) Occupants(room, bot jid.JID) ([]Occupant, error) {
	s, err := r.find(room, bot)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	list, nick := s.room.Occupants(), s.room.Status().Nick
	s.mu.Unlock()
	all := make([]Occupant, len(list))
	for i, o := range list {
		own := o.Nick == nick
		all[i] = Occupant{Occupant: o, Bot: own || s.isBot(&o, muc.OccupantHas, false)}
		switch {
		case own:
			all[i].JID = s.self // whatever the room says
		case s.realOf(&o).IsZero():
			all[i].JID, all[i].Claimed = jid.JID{}, o.JID
		}
	}
	return all, nil
}

// Counts returns how many bots are in rooms, by state.
func (r *Rooms) Counts() map[muc.State]int {
	n := map[muc.State]int{muc.Waiting: 0, muc.Joining: 0, muc.Joined: 0, muc.Refused: 0}
	for _, s := range r.all() {
		s.mu.Lock()
		n[s.last.State]++
		s.mu.Unlock()
	}
	return n
}
