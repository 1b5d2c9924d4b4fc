package rooms

import (
	"context"
	"errors"
	"fmt"

	"stanzahook/pkg/form"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

const (
	nsOwner = "http://jabber.org/protocol/muc#owner"
	nsAdmin = "http://jabber.org/protocol/muc#admin"
)

// ErrMute means that the service of the room answers no IQs.
var ErrMute = errors.New("the service of the room does not answer: ejabberd 24.10 or newer with mod_privilege answers no IQ of a component to rooms; configuration and archive need a server without mod_privilege")

// Configuration returns the variables of a room's configuration. Errors: ErrNone,
// ErrSeveral, ErrMute, those of component.Link.Request, and a *stanza.Error of the room.
func (r *Rooms) Configuration(ctx context.Context, room, bot jid.JID) (map[string][]string, error) {
	s, err := r.find(room, bot)
	if err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, "get", "<query xmlns='"+nsOwner+"'/>")
	if err != nil {
		return nil, err
	}
	c, ok := answer.Child(nsOwner, "query")
	if !ok {
		return nil, errors.New("the answer has no form")
	}
	x := answer.Element(c).Child(form.NS, "x")
	if x == nil {
		return nil, errors.New("the answer has no form")
	}
	return form.Read(x), nil
}

// UnknownVariables are those that a room's configuration does not have.
type UnknownVariables []string

func (u UnknownVariables) Error() string {
	return fmt.Sprintf("the room's configuration has no %q", []string(u))
}

// Configure changes variables of a room's configuration, and returns all. Errors: as of
// Configuration, and UnknownVariables.
func (r *Rooms) Configure(ctx context.Context, room, bot jid.JID, change map[string][]string) (map[string][]string, error) {
	now, err := r.Configuration(ctx, room, bot)
	if err != nil {
		return nil, err
	}
	known, unknown := muc.Known(now, change)
	if len(unknown) > 0 {
		return nil, UnknownVariables(unknown)
	}
	s, err := r.find(room, bot)
	if err != nil {
		return nil, err
	}
	if _, err := s.ask(ctx, "set", "<query xmlns='"+nsOwner+"'>"+form.Submission(muc.RoomConfig, known)+"</query>"); err != nil {
		return nil, err
	}
	return r.Configuration(ctx, room, bot)
}

// destroy ends the room.
func (r *Rooms) destroy(ctx context.Context, s *session, reason string) error {
	_, err := s.ask(ctx, "set", "<query xmlns='"+nsOwner+"'><destroy>"+reasonElement(reason)+"</destroy></query>")
	return err
}

// SetAffiliation gives a user an affiliation: owner, admin, member, none or outcast.
func (r *Rooms) SetAffiliation(ctx context.Context, room, bot, user jid.JID, affiliation, reason string) error {
	return r.setItem(ctx, room, bot, [2]string{"jid", user.Bare().String()}, [2]string{"affiliation", affiliation}, reason)
}

// SetRole gives an occupant a role: moderator, participant, visitor; none is a kick.
func (r *Rooms) SetRole(ctx context.Context, room, bot jid.JID, nick, role, reason string) error {
	return r.setItem(ctx, room, bot, [2]string{"nick", nick}, [2]string{"role", role}, reason)
}

func (r *Rooms) setItem(ctx context.Context, room, bot jid.JID, who, what [2]string, reason string) error {
	s, err := r.find(room, bot)
	if err != nil {
		return err
	}
	b := stanza.AppendAttr(stanza.AppendAttr([]byte("<query xmlns='"+nsAdmin+"'><item"), who[0], who[1]), what[0], what[1])
	_, err = s.ask(ctx, "set", string(append(b, ">"+reasonElement(reason)+"</item></query>"...)))
	return err
}

func reasonElement(reason string) string {
	if reason == "" {
		return ""
	}
	return stanza.TextElement("reason", stanza.Clean(reason))
}

// Ways to invite.
const (
	InviteMediated = "mediated" // by the room
	InviteDirect   = "direct"   // to the user
	InviteBoth     = "both"     // by the room, so that it lets the user in, and to the user
)

// Invite invites a user into a room. The result says that the invitations are on their way.
func (r *Rooms) Invite(room, bot, user jid.JID, reason, how string) error {
	s, err := r.find(room, bot)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link == nil {
		return gateway.ErrDown
	}
	if how != InviteDirect {
		b := append(stanza.AppendAttr([]byte("<x xmlns='"+nsUser+"'><invite"), "to", user.Bare().String()), ">"+reasonElement(reason)+"</invite></x>"...)
		if err := s.sendMessage(s.key.room, string(b)); err != nil {
			return err
		}
	}
	if how == InviteMediated {
		return nil
	}
	b := stanza.AppendAttr([]byte("<x xmlns='"+nsConference+"'"), "jid", s.key.room.String())
	if reason != "" {
		b = stanza.AppendAttr(b, "reason", stanza.Clean(reason))
	}
	if password := s.settings().Password.Reveal(); password != "" {
		b = stanza.AppendAttr(b, "password", password)
	}
	return s.sendMessage(user.Bare(), string(append(b, "/>"...)))
}

// sendMessage sends a message without a body; s.mu is held.
func (s *session) sendMessage(to jid.JID, inner string) error {
	m, err := stanza.Build(stanza.Header{Kind: stanza.Message, ID: newID(), From: s.self, To: to}, inner, stanza.Limits{})
	if err != nil {
		return err
	}
	return s.link.Send(m, nil)
}

// ask sends an IQ to the room and returns its answer.
func (s *session) ask(ctx context.Context, typ, inner string) (*stanza.Stanza, error) {
	return s.askBy(ctx, typ, inner, func(ctx context.Context, iq *stanza.Stanza, request request) (*stanza.Stanza, error) {
		return request(ctx, iq)
	})
}

type request = func(context.Context, *stanza.Stanza) (*stanza.Stanza, error)

// askBy is ask with a way of its own to make the request.
func (s *session) askBy(ctx context.Context, typ, inner string, by func(context.Context, *stanza.Stanza, request) (*stanza.Stanza, error)) (*stanza.Stanza, error) {
	s.mu.Lock()
	link := s.link
	s.mu.Unlock()
	if link == nil {
		return nil, gateway.ErrDown
	}
	if s.all.isMute(s.key) {
		return nil, ErrMute
	}
	iq, err := stanza.Build(stanza.Header{Kind: stanza.IQ, Type: typ, ID: newID(), From: s.self, To: s.key.room}, inner, stanza.Limits{})
	if err != nil {
		return nil, err
	}
	answer, err := by(ctx, iq, link.Request)
	if err != nil {
		return nil, err
	}
	if e, failed := answer.StanzaError(); failed {
		return nil, e
	}
	return answer, nil
}
