package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/pkg/stanza"
)

const (
	roomPath = "/v1/rooms/ops@rooms.example.com"
	mucUser  = "<x xmlns='http://jabber.org/protocol/muc#user'>"
)

// lets waits for a join of the room, and lets the bot in.
func (x *running) lets() {
	x.t.Helper()
	x.srv.Expect("the join", func(s *stanza.Stanza) bool {
		_, muc := s.Child("http://jabber.org/protocol/muc", "x")
		return s.Kind == stanza.Presence && muc && s.To.String() == "ops@rooms.example.com/Echo"
	})
	x.srv.Send("<presence from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'>" + mucUser + "<item affiliation='owner' role='moderator' jid='alice@example.com/phone'/></x></presence>" +
		"<presence from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'>" + mucUser + "<item affiliation='owner' role='moderator'/><status code='110'/></x></presence>" +
		"<message type='groupchat' from='ops@rooms.example.com' to='echo@bot.example.com/room'><subject>fire</subject></message>")
}

// answers answers the next IQ to the room that has an element.
func (x *running) answers(space, local, typ, inner string, before ...string) {
	x.t.Helper()
	iq := x.srv.Expect(space, func(s *stanza.Stanza) bool {
		_, ok := s.Child(space, local)
		return s.Kind == stanza.IQ && ok && s.To.String() == "ops@rooms.example.com"
	})
	c, _ := iq.Child(space, local)
	id, _ := iq.Element(c).Attr("queryid")
	for _, m := range before {
		x.srv.Send(strings.ReplaceAll(m, "QUERY", id))
	}
	x.srv.Send(fmt.Sprintf("<iq type='%s' id='%s' from='ops@rooms.example.com' to='%s'>%s</iq>", typ, iq.ID, iq.From, inner))
}

// A bot joins a room by the API, works in it, and leaves, against a server that the test plays.
func TestRoomsByAPI(t *testing.T) {
	x := startApp(t, "http: {listen: \"127.0.0.1:0\", tokens: ["+token("boss", "rooms, send")+", "+token("look", "read")+", "+
		strings.Replace(token("narrow", "rooms, send"), "scopes", `rooms: ["lounge@*"], scopes`, 1)+"]}\n")
	type answer struct {
		status int
		body   string
	}
	asks := func(method, path, body string) <-chan answer {
		c := make(chan answer, 1)
		go func() {
			status, text := x.call("boss", method, path, body)
			c <- answer{status, text}
		}()
		return c
	}
	wants := func(got answer, status int, parts ...string) {
		t.Helper()
		for _, p := range append(parts, "") {
			if got.status != status || !strings.Contains(got.body, p) {
				t.Fatalf("%d %s, want %d …%s…", got.status, got.body, status, p)
			}
		}
	}
	events := x.follow("look", "?kinds=room&jid=ops@rooms.example.com")
	joining := asks("PUT", roomPath+"?wait=10s", `{"from":"echo@bot.example.com","nick":"Echo"}`)
	x.lets()
	wants(<-joining, 200, `"state":"joined"`, `"subject":"fire"`, `"occupants":2`, `"affiliation":"owner"`)
	comes(t, events, "the tail says so", func(e tailed) bool {
		return e.Event == "room" && e.Data.From == "echo@bot.example.com" && e.Data.State == "joined"
	})
	wants(<-asks("GET", roomPath+"/occupants", ""), 200, `"nick":"Alice","occupant_id":null,"jid":"alice@example.com/phone"`, `"bot":true`)

	owner, admin, archive := "http://jabber.org/protocol/muc#owner", "http://jabber.org/protocol/muc#admin", "urn:xmpp:mam:2"
	x.answers("http://jabber.org/protocol/disco#info", "query", "result", "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query>")
	form := "<query xmlns='" + owner + "'><x xmlns='jabber:x:data' type='form'><field var='muc#roomconfig_roomname'><value>Ops</value></field></x></query>"
	config := asks("GET", roomPath+"/config", "")
	x.answers(owner, "query", "result", form)
	wants(<-config, 200, `{"muc#roomconfig_roomname":"Ops"}`)
	config = asks("PATCH", roomPath+"/config", `{"colour":"red"}`)
	x.answers(owner, "query", "result", form)
	wants(<-config, 400, `no [\"colour\"]`)
	kick := asks("PUT", roomPath+"/roles/Alice", `{"role":"none"}`)
	x.answers(admin, "query", "error", "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
	wants(<-kick, 422, `"condition":"forbidden"`)

	history := asks("GET", roomPath+"/history?limit=1", "")
	x.answers(archive, "query", "result", "<fin xmlns='urn:xmpp:mam:2' complete='false'/>",
		"<message from='ops@rooms.example.com' to='echo@bot.example.com/room'><result xmlns='urn:xmpp:mam:2' queryid='QUERY' id='a7'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T18:00:00Z'/>"+
			"<message xmlns='jabber:client' type='groupchat' id='m1' from='ops@rooms.example.com/Alice'><body>hi</body></message></forwarded></result></message>")
	said := <-history
	wants(said, 200, `"archive_id":"a7"`, `"to":"echo@bot.example.com"`, `"next":"a7"`)
	var page struct{ Items []struct{ Ref string } }
	if json.Unmarshal([]byte(said.body), &page) != nil || len(page.Items) != 1 || page.Items[0].Ref == "" {
		t.Errorf("no ref: %s", said.body)
	}
	history = asks("GET", roomPath+"/history", "")
	x.answers(archive, "query", "error", "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>")
	wants(<-history, 501, "no archive")

	// Another token has no right to this room, by whatever way.
	for path, body := range map[string]string{
		"/v1/messages": `{"from":"echo@bot.example.com","to":"ops@rooms.example.com/Alice","body":"psst"}`,
		"/rest":        `{"kind":"message","type":"groupchat","from":"echo@bot.example.com","to":"ops@rooms.example.com","body":"hi"}`,
		"/v1/presence": `{"from":"echo@bot.example.com","to":"other@rooms.example.com/E","muc":{}}`,
	} {
		if status, text := x.call("narrow", "POST", path, body); status != 403 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text := x.call("narrow", "GET", roomPath, ""); status != 403 {
		t.Errorf("%d %s", status, text)
	}
	// Without a type, a message to the room is for all in it.
	sent := asks("POST", "/v1/messages", `{"from":"echo@bot.example.com","to":"ops@rooms.example.com","id":"s1","body":"hello"}`)
	x.srv.Expect("the message", func(s *stanza.Stanza) bool {
		return s.ID == "s1" && s.Type == "groupchat" && s.From.String() == "echo@bot.example.com/room"
	})
	wants(<-sent, 202, `"id":"s1"`)
	wants(<-asks("DELETE", roomPath, ""), 204)
	wants(<-asks("GET", roomPath, ""), 404, "no")
}
