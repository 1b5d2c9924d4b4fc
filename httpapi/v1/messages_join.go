package v1

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/restjson"
	"stanzahook/pkg/stanza"
)

// joinWait is how long a message waits for a join, if the caller does not say it.
const joinWait = 10 * time.Second

// isIn reports whether a bot is kept in a room.
func (m messages) isIn(room, bot jid.JID) bool { return m.rooms != nil && m.rooms.IsIn(room, bot) }

// finish makes a message of what was read. One that names no sender is from the only bot in the
// room that it goes to, if the caller may send from there and its own default is not in the room.
func (m messages) finish(r *http.Request, data []byte, f *restjson.Fields) (*draft, error) {
	if f.From.IsZero() && m.rooms != nil {
		who, domains := httpapi.IdentityOf(r.Context()), m.sender.Domains()
		usual, err := who.Sender(f.From, domains)
		if err != nil || !m.isIn(f.To.Bare(), usual) {
			if only, err := m.rooms.Get(f.To.Bare(), jid.JID{}); err == nil {
				if from, err := who.Sender(only.Bot, domains); err == nil {
					f.From = from
				}
			}
		}
	}
	return finish(r, data, f, stanza.Message, m.sender, m.isIn)
}

// left returns what is left of a wait, at least a millisecond: what is there already counts.
func left(wait time.Duration, since time.Time) time.Duration {
	return min(wait, max(time.Millisecond, wait-time.Since(since)))
}

// mayJoin checks that a message which joins is one to a room, or to somebody in it, and that
// the caller may join. A message without a type becomes a groupchat.
func (m messages) mayJoin(r *http.Request, d *draft) error {
	who := httpapi.IdentityOf(r.Context())
	if !who.Can(gateway.ScopeRooms) {
		return httpapi.Lacks(gateway.ScopeRooms)
	}
	to, from := d.header.To, d.header.From
	switch {
	case m.rooms == nil:
		return wrongf("join: no bot can be in rooms here")
	case to.Local() == "":
		return wrongf("join: %q is not a room, nor somebody in it; write the address of a room, such as ops@rooms.example.com, into to", to)
	case from.IsFull():
		return wrongf("join: a bot joins by its bare address; leave the resource out of from")
	case to.IsBare() && d.noType:
		d.header.Type = "groupchat"
	case to.IsBare() && d.header.Type != "groupchat":
		return wrongf("join: a message to a room has type groupchat; leave type out")
	case !to.IsBare() && d.header.Type == "groupchat":
		return wrongf("to: a groupchat message goes to the room; leave the nickname out")
	}
	d.private = d.header.Type != "groupchat"
	if err := who.MayUseRoom(to); err != nil {
		return httpapi.Refused(err)
	}
	if _, err := m.rooms.Get(to.Bare(), from); err != nil && from.Local() == "" {
		return wrongf("join: %s has no localpart, which would be its nickname; PUT the room with a nick first", from)
	}
	return d.build(d.header.ID)
}

// join puts the sender of a message into its room, unless it is in it. A room that refuses
// is not kept, unless it was.
//
// Killed while it waits: the room is kept, and joined after the restart; nothing was sent.
func (m messages) join(ctx context.Context, s *stanza.Stanza, wait time.Duration) error {
	if wait == 0 {
		wait = joinWait
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	ctx, release := httpapi.Wait(ctx, httpapi.Needs(gateway.ScopeRooms))
	defer release()
	now, kept, err := m.rooms.Join(ctx, RoomSettings{Room: s.To.Bare(), Bot: s.From.Bare(), History: muc.Missed, By: httpapi.IdentityOf(ctx).Name})
	switch {
	case err != nil:
		return refusedByRoom(err)
	case now.State == muc.Joined:
		return nil
	case now.State == muc.Refused || now.State == muc.Left:
		return notJoined(now.Refusal, kept)
	case httpapi.Lost(ctx) != nil:
		return httpapi.Lost(ctx)
	}
	f := &httpapi.Fault{Status: http.StatusGatewayTimeout, RetryAfter: 5, Text: fmt.Sprintf("join: the room %s was not joined within %s; the message was not sent, and the room is kept and joined when it can be", s.To.Bare(), wait),
		Members: map[string]any{"condition": optional(now.Refusal.Condition), "kept": kept}}
	if now.Refusal.Condition != "" {
		f.Text += ": " + string(now.Refusal.Condition)
	}
	if now.Refusal.Text != "" {
		f.Text += ": " + now.Refusal.Text
	}
	return f
}
