package rooms

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// session is one bot in one room.
type session struct {
	all *Rooms
	key

	set  atomic.Pointer[Settings]
	nick atomic.Pointer[string] // own, as last known
	ours atomic.Pointer[ours]   // see isBot

	shared       atomic.Bool // other bots of ours are in the room
	beside       bool        // the room is at the bot's server, as far as the names tell
	conversation string      // webhook.Event.Conversation of its events

	// mu is never taken while Rooms.mu is held; the other way round is right.
	mu      sync.Mutex
	room    *muc.Room
	link    *component.Link // nil: not connected
	last    muc.Standing    // of the room, as it was noted
	changed chan struct{}   // see next; nil: nobody waits for it
	guard   guard
	acks    guard     // of reactions that acknowledge
	look    time.Time // when Run calls advance again; zero: nothing is due

	offered       uint64                        // events, so far
	issued        uint64                        // of these, those with a key
	done          atomic.Uint64                 // of these, those that are stored, or dropped
	waiting       waiting                       // those that were refused
	lost          atomic.Bool                   // events were dropped: the mark stays, and the room is asked for them
	asked         time.Time                     // when it was, last
	progress      atomic.Pointer[chan struct{}] // an event was stored or refused; one that nobody has read is enough; nil: nobody waits for it
	mark          []byte                        // the last one whose events are stored, as the store has it
	dirty         bool                          // the mark moved since the last snapshot
	marked        bool                          // there is a first mark, see begin
	held          bool                          // it is not stored yet, and events wait for it
	failed        bool                          // it could not be stored at once
	snapshot      *snapshot                     // waits for its events
	writing       bool                          // a mark is being written
	refusedStored bool

	saving  sync.Mutex // one write to the store at a time
	removed bool       // saving is held
}

func (s *session) options(set Settings, p Policy) muc.Options {
	nick := set.Nick
	if nick == "" {
		nick = s.self.Local()
	}
	var presence func() string
	if s.all.o.Presence != nil {
		presence = func() string { return s.all.o.Presence(s.self.Bare()) }
	}
	return muc.Options{Presence: presence, Room: s.key.room, Self: s.self, Nick: nick, Password: set.Password.Reveal(), History: set.History, MaxAge: p.CatchUpAge, MaxMissed: p.CatchUpMax,
		Create: set.Create, Config: set.Config, Rejoin: set.Rejoin, SelfPing: p.SelfPing, NewID: newID}
}

func (s *session) settings() Settings { return *s.set.Load() }

// nickNow returns the bot's nick in the room.
func (s *session) nickNow() string {
	if nick := s.nick.Load(); nick != nil {
		return *nick
	}
	return ""
}

// ours are the nicks of a bot by which the other bots in its room recognise it. A nick that a
// bot only wants is not its own: somebody else may have it.
type ours struct {
	there string // as long as the bot is in the room
	asked string // as long as the join is under way
	had   string // of the last stay; empty once the room has refused us
}

// noteNicks notes the nicks for the other bots in the room. s.mu is held.
func (s *session) noteNicks() {
	st := &s.last
	next := *s.ours.Load()
	next.there, next.asked = "", ""
	switch {
	case st.Present:
		next.there, next.had = st.Nick, st.Nick
	case st.State == muc.Joining:
		next.asked = st.Nick
	case st.State == muc.Refused:
		next.had = ""
	}
	if next != *s.ours.Load() {
		s.ours.Store(&next)
	}
}

// next returns what is closed when the bot stands elsewhere with the room, but for the nick. s.mu is held.
func (s *session) next() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// noteChange tells those who wait for next. s.mu is held.
func (s *session) noteChange() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// change takes over other settings, which were checked, or another policy.
func (s *session) change(set Settings, p Policy) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	old := s.room.Options()
	next := s.options(set, p)
	sameRest := same(s.settings(), set) && old.SelfPing == next.SelfPing && old.MaxAge == next.MaxAge && old.MaxMissed == next.MaxMissed
	s.set.Store(&set)
	if sameRest {
		s.room.SetPassword(next.Password)
		if old.Nick != next.Nick {
			s.apply(now, s.room.SetNick(now, next.Nick))
		}
		return
	}
	was := s.room.Status()
	s.apply(now, s.room.Disconnected(now))
	room, err := muc.New(next, s.room.Mark())
	if err != nil {
		return // it was checked
	}
	s.room = room
	s.room.SetMute(s.all.isMute(s.key))
	if was.State == muc.Refused {
		s.room.Refuse(now, was.Refusal)
	}
	if s.link != nil {
		s.apply(now, s.room.Connected(now)) // joined again while joined: nobody sees it; one that has refused only notes that there is a connection
	}
	s.settle()
}

// connected joins the room over a link.
func (s *session) connected(link *component.Link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.link = link
	s.askService(link)
	s.room.SetMute(s.all.isMute(s.key))
	s.apply(now, s.room.Connected(now))
}

// disconnected notes the end of the connection.
func (s *session) disconnected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.link = nil
	s.apply(now, s.room.Disconnected(now))
}

// retry joins a room that has refused us, or, if it is asked for, one that waits.
func (s *session) retry(waiting bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch s.room.Status().State {
	case muc.Refused:
	case muc.Waiting:
		if !waiting || s.link == nil {
			return
		}
	default:
		return
	}
	s.apply(now, s.room.Retry(now))
}

// leave leaves the room. It returns the nick there, and whether the room knows: without a
// connection only one that has refused us does.
func (s *session) leave(status string) (nick string, announced bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	st := s.room.Status()
	if st.State == muc.Joined {
		s.report(now, &muc.Event{Kind: muc.RoomLeft, Reason: muc.LeftItself, Occupant: muc.Occupant{Nick: st.Nick}, Own: true, Text: status})
	}
	s.apply(now, s.room.Leave(now, status))
	if s.held { // nothing is kept of a room that is left
		s.release(now)
	}
	return st.Nick, s.link != nil || st.State == muc.Refused
}

// leaveForNow leaves the room until the next start; there is nothing to leave where the room
// has refused us, and that is kept.
func (s *session) leaveForNow(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.room.Status().State != muc.Refused {
		s.apply(now, s.room.Leave(now, status))
	}
}

// receive handles a stanza of the room.
func (s *session) receive(st *stanza.Stanza) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.State == muc.Joining {
		s.room.SetAnswers(s.all.answers(s.key))
	}
	now := time.Now()
	one, _ := s.all.events.Get().(*[1]muc.Event)
	if one == nil {
		one = new([1]muc.Event)
	}
	s.room.Reuse(one[:])
	s.apply(now, s.room.Receive(now, st))
	one[0] = muc.Event{}
	s.all.events.Put(one)
}

// advance does what is due, and returns when to come again.
func (s *session) advance(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.room.Deadline(); !d.IsZero() && !now.Before(d) {
		s.apply(now, s.room.Advance(now))
	}
	s.offerAgain(now)
	next := s.room.Deadline()
	var due time.Time
	if !s.held { // else the first mark wakes those that wait
		if due = s.waiting.due(); due.IsZero() && s.lost.Load() {
			due = now.Add(offerPause)
		}
	}
	if !due.IsZero() && (next.IsZero() || due.Before(next)) {
		next = due
	}
	if s.dirty || s.snapshot != nil || s.refusedStored != (s.last.State == muc.Refused) {
		soon := now.Add(markPause)
		if s.snapshot != nil {
			soon = now.Add(storedPause)
		}
		if next.IsZero() || soon.Before(next) {
			next = soon
		}
	}
	s.look = next
	return next
}

// apply sends and reports what follows from an input. s.mu is held.
//
// Killed in the middle: the mark in the store is before the events that are not stored.
func (s *session) apply(now time.Time, out muc.Output) {
	for _, st := range out.Send {
		s.send(st)
	}
	for i := range out.Events {
		switch e := &out.Events[i]; e.Kind {
		case muc.RoomJoined:
			if s.marked {
				s.dirty = true
			} else {
				s.begin(out.Events[i:])
			}
		case muc.Message, muc.Subject:
			s.dirty = true
		}
		s.report(now, &out.Events[i])
	}
	s.settle()
	if len(out.Send) > 0 || len(out.Events) > 0 {
		s.all.poke()
	} else if due := s.room.Deadline(); !due.IsZero() && (s.look.IsZero() || due.Before(s.look)) {
		s.all.poke()
	}
}

// settle notes a change of the state. s.mu is held.
func (s *session) settle() {
	was, now := s.last, s.room.Standing()
	if now == was {
		return
	}
	s.last = now
	if now.Nick != was.Nick {
		nick := now.Nick
		s.nick.Store(&nick)
	}
	s.noteNicks()
	if now.State == was.State && now.CatchingUp == was.CatchingUp && now.Renaming == was.Renaming {
		return
	}
	s.noteChange()
	if was.State == now.State {
		return
	}
	st := s.room.Status()
	if s.all.o.OnState != nil {
		s.all.o.OnState(s.key.room, s.self.Bare(), st.State, st.Refusal.Condition)
	}
	about := []zap.Field{zap.Stringer("room", s.key.room), zap.Stringer("bot", s.self.Bare())}
	switch st.State {
	case muc.Joined:
		s.all.Counters.Joins.Add(1)
		s.triedToCreate(&st)
		s.all.log.Info("room joined", append(about, zap.String("nick", st.Nick))...)
		if st.Remark != "" {
			s.all.log.Warn("room not configured as asked", append(about, zap.String("reason", st.Remark))...)
		}
	case muc.Refused:
		s.all.Counters.Refusals.Add(1)
		s.triedToCreate(&st)
		s.all.log.Warn("room refused", append(about, zap.String("condition", string(st.Refusal.Condition)), zap.String("reason", st.Refusal.Text),
			zap.String("hint", "it is not joined again by itself: reload the configuration, or PUT the room, to try again"))...)
	case muc.Waiting:
		if s.link != nil {
			if st.Refusal != (muc.Refusal{}) {
				about = append(about, zap.String("condition", string(st.Refusal.Condition)), zap.String("reason", st.Refusal.Text))
			}
			if !st.NextAttempt.IsZero() {
				about = append(about, zap.Time("next_attempt", st.NextAttempt))
			}
			s.all.repeats.Warn(s.all.log, "room not joined yet", about...)
		}
	}
}

// send sends a stanza of the room's state machine. s.mu is held.
//
// Presence belongs to its connection: on the next one, where the room is joined anew, an old
// join or change of the nick would be another one.
//
// Killed: nothing is lost; after the restart the room is joined anew. A link that is full
// loses a join, which is tried again when the room has not answered in time.
func (s *session) send(st *stanza.Stanza) {
	if s.link == nil {
		return
	}
	if st.Kind == stanza.IQ {
		go s.request(s.link, st)
		return
	}
	if err := s.link.SendOnce(st, false, nil); err != nil && !errors.Is(err, gateway.ErrDown) {
		s.all.repeats.Warn(s.all.log, "stanza to a room not sent", zap.Stringer("room", s.key.room), zap.Error(err))
	}
}

// bareBot is the bot as events name it.
func (s *session) bareBot() jid.JID { return s.self.Bare() }
