package rooms

import (
	"context"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// Address returns a message to a room, or to somebody in it, with the bot's address that the
// room knows; other stanzas as they are.
func (r *Rooms) Address(s *stanza.Stanza) *stanza.Stanza {
	to, _ := r.address(s)
	return to
}

func (r *Rooms) address(s *stanza.Stanza) (*stanza.Stanza, *session) {
	if s.Kind != stanza.Message {
		return s, nil
	}
	x := r.sessionOf(s.To, s.From)
	if x == nil {
		return s, nil
	}
	if s.From != x.self {
		h := s.Header
		h.From = x.self
		moved, err := s.With(h, stanza.Limits{MaxBytes: len(s.XML()) + 64})
		if err != nil {
			return s, nil
		}
		s = moved
	}
	return s, x
}

// Speaks reports whether a stanza, which Address has seen, is a message to a room that its
// sender is kept in, or to somebody there; and where the bot stands with it.
func (r *Rooms) Speaks(s *stanza.Stanza) (state muc.State, speaks bool) {
	if s.Kind != stanza.Message || s.Type == "error" {
		return "", false
	}
	x := r.sessionOf(s.To, s.From)
	if x == nil || s.From != x.self {
		return "", false
	}
	return x.stateNow(), true
}

// Author returns who a private message to an occupant of a room goes to, as for
// message.Recent.Hear: the nick may be somebody else's when an answer comes. It is empty for other
// messages, and if nobody known has the nick.
func (r *Rooms) Author(s *stanza.Stanza) string {
	if s.To.IsBare() || s.Type == "groupchat" {
		return ""
	}
	x := r.sessionOf(s.To, s.From)
	if x == nil {
		return ""
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	o, _ := x.room.Occupant(s.To.Resource())
	return x.author(&o)
}

// Say sends a message that Speaks is true of over the connection on which the bot is in the
// room, and on no other. done, more and errors are those of component.Link.SendOnce; the error
// is gateway.ErrDown as long as the bot is not in the room. The room's copy of the message is
// recognised, see Options.Echoed.
//
// Killed: it was sent or not.
func (r *Rooms) Say(s *stanza.Stanza, more bool, done func(error)) error {
	x := r.sessionOf(s.To, s.From)
	if x == nil {
		return gateway.ErrDown
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.last.State != muc.Joined || x.link == nil {
		return gateway.ErrDown
	}
	if err := x.link.SendOnce(s, more, done); err != nil {
		return err
	}
	if s.Type == "groupchat" { // its copy is received behind this lock
		x.room.Sent(s)
	}
	return nil
}

// sessionOf returns the session of a bot in the room of an address; nil if there is none.
func (r *Rooms) sessionOf(to, from jid.JID) *session {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.byRoom[to.Bare()] {
		if s.self.Bare() == from.Bare() && (from.IsBare() || from == s.self) {
			return s
		}
	}
	return nil
}

// IsIn reports whether a bot is kept in a room, so that a message to it is a groupchat.
func (r *Rooms) IsIn(room, bot jid.JID) bool {
	return room.IsBare() && r.sessionOf(room, bot.Bare()) != nil
}

// Over returns a sender of the answers of webhooks: it addresses those to rooms, drops those
// that are too many, and joins where the answer accepts an invitation.
func (r *Rooms) Over(s delivery.Sender) delivery.Sender { return addressing{s, r} }

type addressing struct {
	delivery.Sender
	rooms *Rooms
}

// Send implements delivery.Sender.
//
// Killed before done: the event is delivered again, and so is its answer.
func (a addressing) Send(component string, s *stanza.Stanza, more bool, done func(error)) error {
	if password, join := webhook.JoinOf(s); join {
		err := a.rooms.accept(context.Background(), s.To.Bare(), s.From.Bare(), password)
		if err != nil {
			a.rooms.repeats.Warn(a.rooms.log, "invitation not accepted", zap.Stringer("room", s.To), zap.Stringer("bot", s.From), zap.Error(err))
		}
		done(nil)
		return nil
	}
	s, x := a.rooms.address(s)
	if x != nil && s.Type == "groupchat" && !x.mayAnswer(s) {
		if webhook.IsAcknowledgement(s) {
			a.rooms.Counters.Unacknowledged.Add(1)
		} else {
			a.rooms.Counters.Muted.Add(1)
		}
		done(nil)
		return nil
	}
	return a.Sender.Send(component, s, more, done)
}

// mayAnswer takes one of the answers that a room gets in a minute. That a bot types is no
// answer, and is shown as long as the answer would be; reactions that acknowledge have a bound of
// their own, as there are two for each answer.
func (s *session) mayAnswer(answer *stanza.Stanza) bool {
	s.all.mu.RLock()
	most := s.all.policy.MaxAnswers
	s.all.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if webhook.IsTyping(answer) {
		return !s.guard.full(time.Now(), most)
	}
	if webhook.IsAcknowledgement(answer) {
		if s.guard.full(time.Now(), most) {
			return false
		}
		ok, _ := s.acks.take(time.Now(), 2*most)
		return ok
	}
	ok, first := s.guard.take(time.Now(), most)
	if !first {
		return ok
	}
	s.all.log.Error("answers to a room dropped", zap.Stringer("room", s.key.room), zap.Stringer("bot", s.self.Bare()), zap.Int("a_minute", most),
		zap.String("hint", "do bots answer each other? room_policy.max_answers_per_minute is the limit"))
	o := &offered{room: webhook.Room{Type: "room.muted", JID: s.key.room.String(), Nick: s.room.Status().Nick}}
	if st, err := webhook.RoomEvent(s.key.room, s.bareBot(), &o.room); err == nil {
		s.deliver(time.Now(), st, o, &muc.Event{})
	}
	return false
}
