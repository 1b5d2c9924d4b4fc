package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"stanzahook/component/forward"
	"stanzahook/component/rooms"
	"stanzahook/component/services"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// makeRooms makes the rooms that bots are kept in; those of the configuration come later.
func (a *App) makeRooms(ctx context.Context) (err error) {
	a.services = services.New(a.log)
	a.rooms, err = rooms.New(ctx, rooms.Options{
		Store: a.store.Rooms(), Services: a.services, Archive: &a.archives, Deliver: func(o forward.OfRoom) { a.forward.Deliver(o) }, Echoed: a.sent.OnEcho, Ours: a.isOurs, Home: a.isHome, Chosen: a.isChoice, OnState: a.happenings.OnRoom, Presence: func(bot jid.JID) string { return a.bots.Presence(bot) }, Log: a.log,
	})
	return err
}

// isOurs reports whether a message of a room is one of the bot, as far as that is remembered.
func (a *App) isOurs(bot, room jid.JID, id string) bool {
	return a.recent.Wrote(bot, room, id, time.Now())
}

// isHome reports whether a domain is of our own server.
func (a *App) isHome(domain string) bool {
	now := a.current.Load()
	return now != nil && slices.ContainsFunc(now.hosts, func(host string) bool { return domain == host || strings.HasSuffix(domain, "."+host) })
}

// isChoice reports whether a message of a room is an answer by a button of the bot.
func (a *App) isChoice(bot, room jid.JID, nick string, s *stanza.Stanza) bool {
	if !a.questions.Any() {
		return false
	}
	m := message.Read(s)
	heard := message.Heard{Ref: message.Ref{Kind: message.Room, Own: bot, Peer: room}}
	_, is := a.questions.Hear(s, &m, &heard, func(text string) string { return muc.WithoutMention(text, nick) }, time.Now())
	return is
}

// complete returns a reference with the id that a room has given the message meanwhile.
func (a *App) complete(ref message.Ref) message.Ref { return a.recent.Complete(ref, time.Now()) }
