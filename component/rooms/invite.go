package rooms

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/forward"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

const (
	nsUser       = "http://jabber.org/protocol/muc#user"
	nsConference = "jabber:x:conference"
)

// invitation is one to a room: direct (XEP-0249), or mediated by the room (XEP-0045 section
// 7.8.2).
type invitation struct {
	room, inviter    jid.JID
	reason, password string
	mediated         bool
}

func invitationOf(s *stanza.Stanza) (invitation, bool) {
	if s.Type == "error" || s.Type == "groupchat" {
		return invitation{}, false
	}
	if c, ok := s.Child(nsUser, "x"); ok && s.From.IsBare() {
		x := s.Element(c)
		if i := x.Child(nsUser, "invite"); i != nil {
			from, _ := i.Attr("from")
			inv := invitation{room: s.From, inviter: jid.FromServer(from), mediated: true}
			if t := i.Child(nsUser, "reason"); t != nil {
				inv.reason = t.Text
			}
			if t := x.Child(nsUser, "password"); t != nil {
				inv.password = t.Text
			}
			return inv, true
		}
	}
	c, ok := s.Child(nsConference, "x")
	if !ok {
		return invitation{}, false
	}
	x := s.Element(c)
	room, _ := x.Attr("jid")
	inv := invitation{room: jid.FromServer(room).Bare(), inviter: s.From}
	inv.reason, _ = x.Attr("reason")
	inv.password, _ = x.Attr("password")
	return inv, inv.room.Local() != ""
}

// allows reports whether the policy joins without a question. Who is said to invite counts
// only if that can be true: a room may claim anything, but one of the inviter's own server
// is believed.
func (p *Policy) allows(i *invitation) bool {
	if p.AnyInvite {
		return true
	}
	believed := !i.mediated || i.room.Domain() == i.inviter.Domain() || strings.HasSuffix(i.room.Domain(), "."+i.inviter.Domain())
	for _, g := range p.Invites {
		if g.Match(i.room) || believed && g.Match(i.inviter.Bare()) {
			return true
		}
	}
	return false
}

// onInvite handles an invitation: it joins, or makes an event of it. It reports whether the
// stanza is one.
func (r *Rooms) onInvite(in *component.Incoming) bool {
	found, ok := invitationOf(in.Stanza)
	if !ok || in.To.IsDomain() {
		return false
	}
	i := found // on the heap, where few messages get
	r.Counters.Invites.Add(1)
	r.mu.RLock()
	policy := r.policy
	r.mu.RUnlock()
	bot := in.To.Bare()
	if s := r.sessionOf(i.room, bot); s != nil && s.stateNow() != muc.Refused {
		return true // it is in, or will be
	}
	if !policy.allows(&i) {
		w := &webhook.Room{Type: "room.invite", JID: i.room.String(), Inviter: i.inviter.String(), Reason: i.reason, Password: i.password}
		st, err := webhook.WithRoom(in.Stanza, bot, w)
		if err != nil {
			return false
		}
		ev := &webhook.Event{ID: webhook.NewEventID(), Component: in.Link().Domain().Domain(), Received: time.Now(), Stanza: st}
		r.o.Deliver(forward.OfRoom{Event: ev})
		return true
	}
	// The reader must not wait for the store.
	go func() {
		err := r.accept(context.Background(), i.room, bot, i.password)
		if err != nil {
			r.repeats.Warn(r.log, "invitation not accepted", zap.Stringer("room", i.room), zap.Stringer("bot", bot), zap.Stringer("inviter", i.inviter), zap.Error(err))
		}
	}()
	return true
}

// accept accepts an invitation: it joins and keeps the room. A room that is kept stays as it
// is kept, but for the password, and is tried again if it has refused the bot.
//
// Killed before it returns: the room is kept or not.
func (r *Rooms) accept(ctx context.Context, room, bot jid.JID, password string) error {
	s := r.sessionOf(room, bot)
	if s == nil {
		return r.Keep(ctx, Settings{Room: room, Bot: bot, Password: secret.New(password), History: muc.Missed, Source: FromInvite})
	}
	if password != "" {
		r.mu.RLock()
		policy := r.policy
		r.mu.RUnlock()
		set := s.settings()
		set.Password = secret.New(password)
		if err := checkSettings(s.options(set, policy)); err != nil {
			return err
		}
		s.change(set, policy)
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	s.retry(false)
	r.poke()
	return nil
}
