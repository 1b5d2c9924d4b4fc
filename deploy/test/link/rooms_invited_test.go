//go:build integration

package link

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const invitedRooms = `
room_policy: {invites: [alice@localhost, "open-*@rooms.localhost"]}
`

// invites sends an invitation to echo@, with more attributes.
func invites(u harness.User, room, reason, more string) {
	u.Send("<message to='echo@event.localhost'><x xmlns='jabber:x:conference' jid='%s@rooms.localhost' reason='%s'%s/></message>", room, reason, more)
}

// mediates lets a room send one (XEP-0045 section 7.8.2).
func mediates(u harness.User, room, reason string) {
	u.Send("<message to='%s@rooms.localhost'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='echo@event.localhost'><reason>%s</reason></invite></x></message>", room, reason)
}

// A bot goes where the policy lets it be invited to: by the inviter, where the server says who
// that is, or by the room. Other invitations are events, whose answer can accept them.
func TestInvitedToRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), invitedRooms)
		x.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if strings.Contains(h.Raw, `"room.invite"`) && strings.Contains(h.Raw, `"reason":"please"`) {
				return 200, "application/json", `{"join":true}`
			}
			return 204, "", ""
		})
		const secret = "<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>letmein</value></field>"
		more := map[string]string{"hers": "", "second": "", "third": "", "secret": secret, "open-direct": "", "open-mediated": ""}
		for room, fields := range more {
			if kind == lab.Ejabberd {
				fields += "<field var='muc#roomconfig_allowinvites'><value>1</value></field>"
			}
			x.roomWith(room, fields)
		}
		bob := harness.Login(t, x.server, "bob")
		bob.Send("<presence to='open-mediated@rooms.localhost/bob'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		bob.Await("his own presence in the room", func(r lab.Received) bool { return r.Kind == "presence" && strings.Contains(r.Inner, "110") })
		x.launch()
		comes := func(room, why string) {
			t.Helper()
			x.event("room.joined", toEcho, `"jid":"`+room+`@rooms.localhost"`)
			x.call("GET", "/v1/rooms/"+room+"@rooms.localhost", "", 200, `"state":"joined"`, `"source":"invite"`)
			asked := x.count("room.invite", `"jid":"`+room+`@rooms.localhost"`)
			if why == "by the answer" && asked != 1 || why != "by the answer" && asked != 0 {
				t.Errorf("%s, %s: %d events", room, why, asked)
			}
		}
		asks := func(room string, parts ...string) {
			t.Helper()
			x.event(append(parts, "room.invite", toEcho, `"event":"invite"`, `"jid":"`+room+`@rooms.localhost"`)...)
			x.call("GET", "/v1/rooms/"+room+"@rooms.localhost", "", 404)
		}
		invites(x.alice, "hers", "come", "")
		comes("hers", "by the inviter")
		mediates(x.alice, "second", "come")
		if kind == lab.Ejabberd {
			comes("second", "by the inviter")
		} else {
			asks("second", `"inviter":"second@rooms.localhost/alice"`, `"reason":"come"`)
		}
		invites(bob, "third", "come", "")
		asks("third", `"inviter":"bob@localhost/`, `"reason":"come"`)
		invites(bob, "open-direct", "come", "")
		comes("open-direct", "by the room")
		mediates(bob, "open-mediated", "come")
		comes("open-mediated", "by the room")
		invites(bob, "secret", "please", " password='letmein'")
		comes("secret", "by the answer")

		// All that are kept are kept over a kill, with the password.
		kept := []string{"hers", "open-direct", "open-mediated", "secret"}
		x.p.Kill()
		x.launch()
		for _, room := range kept {
			harness.Eventually(t, room+" is joined again", func() bool {
				r, err := x.p.Call("GET", "/v1/rooms/"+room+"@rooms.localhost", "", "", "")
				return err == nil && strings.Contains(r.Body, `"state":"joined"`) && strings.Contains(r.Body, `"source":"invite"`)
			})
		}
		if n := x.count("room.joined", "third@rooms.localhost"); n != 0 {
			t.Error("a room was joined that nobody accepted")
		}
	})
}
