//go:build integration

package link

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const withPassword = "<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>letmein</value></field>"

// admin lets alice change an occupant or a user of a room.
func (x *live) admin(room, item string) {
	x.Helper()
	x.alice.Send("<iq type='set' id='admin' to='%s@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>", room, item)
	if r := x.alice.Await("the change of an occupant", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "admin" }); r.Type != "result" {
		x.Fatalf("%s: %+v", item, r)
	}
}

// configures lets alice fill in the form of a room once more.
func (x *live) configures(room, fields string) {
	x.Helper()
	x.alice.Send(submitForm, room, fields)
	if r := x.alice.Await("the configuration", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" }); r.Type != "result" {
		x.Fatalf("%s: %+v", fields, r)
	}
}

// An endpoint that wants it hears of who comes, goes and changes, in a room that hides
// addresses; the room's notices about others are no messages; and occupants get the bot's
// answers to what they ask it by way of the room.
func TestOccupantsOfRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "")
		x.edit("rooms: [messages, self, subject]", "rooms: [messages, self, occupants]")
		x.roomWith("people", withPassword)
		x.launch()
		const path, put = "/v1/rooms/people@rooms.localhost", `{"from":"echo@event.localhost","nick":"Echo"%s}`
		x.call("PUT", path+"?wait=30s", fmt.Sprintf(put, ""), 422, `"condition":"not-authorized"`, `"kept":false`)
		x.call("PUT", path+"?wait=30s", fmt.Sprintf(put, `,"password":"wrong"`), 422, `"condition":"not-authorized"`)
		if answer := x.call("PUT", path+"?wait=30s", fmt.Sprintf(put, `,"password":"letmein"`), 200, `"state":"joined"`, `"anonymous":true`); strings.Contains(answer, "letmein") {
			t.Errorf("the answer has the password: %s", answer)
		}

		bob := harness.Login(t, x.server, "bob")
		happens := func(change, nick string, parts ...string) {
			t.Helper()
			x.event(append(parts, `"type":"room.occupant"`, toEcho, `"change":"`+change+`"`, `"jid":"people@rooms.localhost"`, `"nick":"`+nick+`"`, `"real_jid":null`)...)
		}
		bob.Send("<presence to='people@rooms.localhost/bob'><x xmlns='http://jabber.org/protocol/muc'><password>letmein</password></x></presence>")
		bob.Await("his own presence in the room", func(r lab.Received) bool { return r.Kind == "presence" && strings.Contains(r.Inner, "110") })
		happens("joined", "bob")
		x.call("GET", path+"/occupants", "", 200, `"nick":"bob"`, `"jid":null`, `"role":"participant"`)
		bob.Send("<presence to='people@rooms.localhost/bob'><show>away</show><status>at lunch</status></presence>")
		happens("status", "bob")
		x.call("GET", path+"/occupants", "", 200, `"show":"away"`, `"status":"at lunch"`)
		bob.Send("<presence to='people@rooms.localhost/Robert'><show>away</show><status>at lunch</status></presence>") // on Prosody both are gone without
		happens("nick", "Robert", `"old_nick":"bob"`)
		x.admin("people", "<item nick='Robert' role='moderator'/>")
		happens("role", "Robert", `"role":"moderator"`)
		x.admin("people", "<item jid='bob@localhost' affiliation='member'/>")
		happens("affiliation", "Robert", `"affiliation":"member"`)
		x.admin("people", "<item jid='mallory@localhost' affiliation='outcast'><reason>spam</reason></item>")
		x.configures("people", "<field var='muc#roomconfig_roomname'><value>People</value></field>"+withPassword)
		x.event(`"type":"room.config"`, toEcho, `"code":104`)
		x.configures("people", "<field var='muc#roomconfig_whois'><value>anyone</value></field>"+withPassword)
		harness.Eventually(t, "the bot knows that the room shows addresses now", func() bool {
			return strings.Contains(x.call("GET", path, "", 200), `"anonymous":false`)
		})
		x.configures("people", "<field var='muc#roomconfig_whois'><value>moderators</value></field>"+withPassword)
		harness.Eventually(t, "the bot knows that the room hides addresses again", func() bool {
			return strings.Contains(x.call("GET", path, "", 200), `"anonymous":true`)
		})

		// by way of the room
		ask := func(id, payload, typ, part string) {
			t.Helper()
			bob.Send("<iq type='get' id='%s' to='people@rooms.localhost/Echo'>%s</iq>", id, payload)
			got := bob.Await("an answer to "+payload, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id })
			if got.Type != typ || got.From != "people@rooms.localhost/Echo" || !strings.Contains(got.Inner, part) {
				t.Errorf("%s: %+v", payload, got)
			}
		}
		ask("v", "<query xmlns='jabber:iq:version'/>", "result", "stanzahook")
		ask("p", "<ping xmlns='urn:xmpp:ping'/>", "result", "")
		ask("i", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "result", "urn:xmpp:ping")
		ask("o", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='eu.siacs.conversations.axolotl.devicelist'/></pubsub>", "error", "item-not-found")
		harness.Eventually(t, "what is for nobody comes back while its caller waits", func() bool { // a room of ejabberd, a process of its own, may be late
			r, err := x.p.Call("POST", "/v1/messages?wait=5s", "", harness.AsJSON, `{"from":"echo@event.localhost","to":"people@rooms.localhost/nobody","body":"psst"}`)
			return err == nil && r.Status == 422 && strings.Contains(r.Body, `"condition":"item-not-found"`)
		})
		x.call("POST", "/v1/messages?wait=30s", `{"from":"echo@event.localhost","to":"people@rooms.localhost/Robert","body":"psst"}`, 200)
		bob.Await("what the bot says to him alone", func(r lab.Received) bool {
			return r.Body == "psst" && r.Type == "chat" && r.From == "people@rooms.localhost/Echo"
		})

		bob.Send("<presence type='unavailable' to='people@rooms.localhost/Robert'/>")
		happens("left", "Robert")
		x.says("people", "the end", "")
		x.event(toEcho, `"body":"the end"`)
		for _, change := range []string{"joined", "status", "nick", "role", "affiliation", "left"} {
			if n := x.count(`"type":"room.occupant"`, `"change":"`+change+`"`); n != 1 {
				t.Errorf("%s: %d events", change, n)
			}
		}
		if n := x.count("message.groupchat"); n != 1 {
			t.Errorf("the room's notices are messages: there are %d", n)
		}
	})
}

// A bot that is banned, or put out because the room is for members now, knows why, and stays
// out; the room's refusal has its condition; and what lets it in lets it in when it is asked
// for.
func TestPutOutOfRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "")
		x.launch()
		const put = `{"from":"echo@event.localhost","nick":"Echo"}`
		for _, c := range []struct {
			room, condition string
			out, in         func(room string)
			parts           []string
		}{
			{"banned", "forbidden", func(room string) {
				x.admin(room, "<item jid='echo@event.localhost' affiliation='outcast'><reason>enough</reason></item>")
			}, func(room string) { x.admin(room, "<item jid='echo@event.localhost' affiliation='none'/>") }, []string{`"code":301`, `"actor":"alice"`, `"text":"enough"`}},
			{"members", "registration-required", func(room string) {
				x.configures(room, "<field var='muc#roomconfig_membersonly'><value>1</value></field>")
			}, func(room string) { x.admin(room, "<item jid='echo@event.localhost' affiliation='member'/>") }, []string{`"code":322`}},
		} {
			x.room(c.room)
			path := "/v1/rooms/" + c.room + "@rooms.localhost"
			x.call("PUT", path+"?wait=30s", put, 200, `"state":"joined"`)
			c.out(c.room)
			reason := map[string]string{"banned": "banned", "members": "members-only"}[c.room]
			x.event(append(c.parts, `"type":"room.left"`, toEcho, `"jid":"`+c.room+`@rooms.localhost"`, `"reason":"`+reason+`"`)...)
			x.call("GET", path, "", 200, `"state":"refused"`, reason)
			x.call("PUT", path+"?wait=30s", put, 422, `"condition":"`+c.condition+`"`)
			c.in(c.room)
			x.call("PUT", path+"?wait=30s", put, 200, `"state":"joined"`)
			x.says(c.room, "no answer: welcome to "+c.room, "")
			x.event(toEcho, `"body":"no answer: welcome to `+c.room+`"`)
			if n := x.count(`"type":"room.left"`, c.room+"@rooms.localhost"); n != 1 {
				t.Errorf("%s: left %d times", c.room, n)
			}
		}
	})
}
