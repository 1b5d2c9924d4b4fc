package muc_test

import (
	"testing"
	"time"

	"stanzahook/pkg/muc"
)

// What the room itself takes back (XEP-0425, both forms, no body) is an event, live and of the
// past; other notices without a body are none.
func TestModerated(t *testing.T) {
	const (
		message = "<message type='groupchat' id='%s' from='ops@rooms.example.com' to='echo@bot.example.com/room'>%s%s</message>"
		retract = "<retract xmlns='urn:xmpp:message-retract:1' id='a1'><moderated xmlns='urn:xmpp:message-moderate:1' by='ops@rooms.example.com/Alice'/></retract>"
		earlier = "<apply-to xmlns='urn:xmpp:fasten:0' id='a1'><moderated xmlns='urn:xmpp:message-moderate:0' by='ops@rooms.example.com/Alice'><retract xmlns='urn:xmpp:message-retract:0'/></moderated></apply-to>"
		notice  = "<x xmlns='http://jabber.org/protocol/muc#user'><status code='170'/></x>"
		delay   = "<delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='2026-11-28T03:00:00Z'/>"
	)
	messages := func(list []muc.Event) (all []string) {
		for _, e := range list {
			if e.Kind == muc.Message && e.Occupant.Nick == "" && !e.Own {
				all = append(all, e.Stanza.ID)
			}
		}
		return all
	}
	r := joinedRoom(t, options(), muc.Mark{})
	var events []muc.Event
	for id, inner := range map[string]string{"one": retract, "two": earlier, "three": notice} {
		events = append(events, r.Receive(began, parsed(message, id, inner, "")).Events...)
	}
	if got := messages(events); len(got) != 2 {
		t.Errorf("live: %q", got)
	}

	r = newRoom(t, options(), joinedRoom(t, options(), muc.Mark{}).Mark())
	now := began.Add(time.Minute)
	r.Connected(now)
	r.Receive(now, parsed("%s", ownPresence))
	r.Receive(now, parsed(message, "one", retract, delay))
	r.Receive(now, parsed(message, "two", earlier, delay))
	r.Receive(now, parsed(message, "three", notice, delay))
	events = r.Receive(now, parsed("%s", noSubject)).Events
	for d := r.Deadline(); len(messages(events)) == 0 && !d.IsZero() && d.Before(now.Add(time.Minute)); d = r.Deadline() {
		now = d
		events = append(events, r.Advance(now).Events...)
	}
	if got := messages(events); len(got) != 2 || got[0] != "one" || got[1] != "two" || !missedAll(events) {
		t.Errorf("of the past: %q", got)
	}
}

func missedAll(list []muc.Event) bool {
	for _, e := range list {
		if e.Kind == muc.Message && !e.Missed {
			return false
		}
	}
	return true
}
