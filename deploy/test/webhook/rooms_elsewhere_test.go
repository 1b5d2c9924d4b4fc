//go:build integration

package webhook

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const (
	clubRoom   = "club@talk.elsewhere"
	denRoom    = "den@talk.elsewhere"
	secretRoom = "secret@rooms.localhost"
	farRoom    = "ops@rooms.nowhere"
)

const elsewhereConfig = `
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q}]
room_policy: {invites: ["*@localhost"]}
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`

// withElsewhere is a server that has rooms of another domain, too, which have no archives. To a bot
// they are those of another server.
func withElsewhere(o lab.Options) lab.Options {
	o = harness.WithManyRooms(o)
	with := o.Edit
	o.Edit = func(config []byte) ([]byte, error) {
		config, err := with(config)
		switch {
		case err != nil:
			return nil, err
		case o.Kind == lab.Prosody:
			return append(config, "\nComponent \"talk.elsewhere\" \"muc\"\n"...), nil
		}
		return harness.AddYAML(config, map[string]any{"modules": map[string]any{"mod_muc": map[string]any{"hosts": []string{"rooms.localhost", "talk.elsewhere"}}}})
	}
	return o
}

// isOfElsewhere is isOfRooms for rooms of all domains.
func isOfElsewhere(s string) bool {
	return isOfRooms(strings.NewReplacer("talk.elsewhere", "rooms.localhost", "rooms.nowhere", "rooms.localhost").Replace(s))
}

// What an endpoint gets that has no word of events and rooms in its configuration; what is said in
// rooms without archives, in rooms of other servers and to servers that are not there; and that a room
// into which somebody has invited the bot is one after a kill, too.
func TestRoomsElsewhereSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, withElsewhere(harness.ServerOptions(kind, "people")))
		said := harness.NewTranscript(t, isOfElsewhere, "sybil")
		st := &peopleStage{T: t, listener: newListener(t), said: said}
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf(elsewhereConfig, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, st.listener.url, filepath.Join(dir, "store")))
		st.p = harness.LaunchLinked(t, file)
		st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
		st.byDefault()
		st.withoutArchive(otherRoom)
		st.call(204, "DELETE", pathOf(otherRoom), "")
		st.settle(otherRoom, false)
		st.elsewhere()
		st.nowhere()
		st.keepsInvitation(file)
		said.Compare("rooms-elsewhere", kind, *update)
	})
}

// all waits until all that has come of a room is there, and takes its events.
func (st *peopleStage) all(room string) {
	st.T.Helper()
	st.settle(room, true)
	st.listener.mu.Lock()
	came := st.listener.came
	st.listener.came = nil
	st.listener.mu.Unlock()
	for _, ev := range came {
		st.got("event", ev)
	}
}

func (st *peopleStage) byDefault() {
	st.step("")
	st.enters(otherRoom, "Sybil", "<field var='muc#roomconfig_changesubject'><value>1</value></field>")
	st.call(200, "PUT", pathOf(otherRoom)+"?wait=30s", putBot)
	st.said.Knows(otherRoom)
	st.all(otherRoom)
	in := func(more doing) doing { more["to"], more["type"] = otherRoom, "groupchat"; return more }
	st.step("sybil speaks")
	first := st.person.does("say", in(doing{"body": "wrnog"}))
	st.all(otherRoom)
	for _, does := range []struct {
		what string
		more doing
	}{
		{"correct", doing{"of": first, "body": "wrong"}},
		{"react", doing{"of": first, "emoji": []string{"👍"}}},
		{"displayed", doing{"of": first}},
		{"typing", doing{}},
		{"retract1", doing{"of": first}},
	} {
		st.step("sybil: " + does.what)
		st.person.does(does.what, in(does.more))
		st.all(otherRoom)
	}
	st.step("sybil is away, sets the subject, and takes another nick")
	st.xml("<presence to='%s/Sybil'><show>away</show></presence>", otherRoom)
	st.xml("<message to='%s' type='groupchat' id='ID'><subject>all is lost</subject></message>", otherRoom)
	st.xml("<presence to='%s/Pythia'/>", otherRoom)
	st.sees(otherRoom+"/Pythia", "")
	st.all(otherRoom)
	st.step("sybil changes the room")
	st.configures(otherRoom, "<field var='muc#roomconfig_roomname'><value>Other</value></field>")
	st.all(otherRoom)
	st.step("sybil kicks the bot")
	st.admin(otherRoom, "<item nick='Echo' role='none'/>")
	st.event("room.left", "")
	st.settle(otherRoom, false)
	st.call(204, "DELETE", pathOf(otherRoom), "")
	st.call(200, "PUT", pathOf(otherRoom)+"?wait=30s", putBot)
	st.said.Knows(otherRoom)
	st.all(otherRoom)
}

// withoutArchive: there is nothing to read, and the ids that somebody claims are no ids.
func (st *peopleStage) withoutArchive(room string) {
	st.call(501, "GET", pathOf(room)+"/history", "")
	st.step("sybil lies about which ids the room, the bot and nobody have given to what she says")
	const claims = "<stanza-id xmlns='urn:xmpp:sid:0' by='%[1]s' id='faked-by-room'/><stanza-id xmlns='urn:xmpp:sid:0' by='echo@people.localhost' id='faked-by-bot'/><stanza-id xmlns='urn:xmpp:sid:0' id='faked'/>" +
		"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='faked-occupant'/><delay xmlns='urn:xmpp:delay' from='%[1]s' stamp='2001-01-01T00:00:00Z'/></message>"
	for _, message := range []string{"<message to='%[1]s' type='groupchat' id='ID'><body>believe me</body>" + claims, "<message to='%[1]s/Echo' type='chat' id='ID'><body>believe me alone</body>" + claims} {
		id := st.xml(message, room)
		ev := st.listener.take("what she says", func(ev said) bool { return ev.Data.ID == id })
		if data, _, _ := strings.Cut(ev.raw, `"xml":`); strings.Contains(data, "faked") || strings.Contains(data, `"delay"`) {
			st.Errorf("%s", ev.raw)
		}
		st.got("event", ev)
	}
	st.settle(room, true)
}

// elsewhere is a room of another server, which says who is who.
func (st *peopleStage) elsewhere() {
	st.step("")
	st.enters(clubRoom, "Sybil", "<field var='muc#roomconfig_whois'><value>anyone</value></field>")
	st.call(200, "PUT", pathOf(clubRoom)+"?wait=30s", putBot)
	st.said.Knows(clubRoom)
	st.all(clubRoom)
	st.step("sybil speaks, and the room says that she is of the bot's own server")
	st.person.does("say", doing{"to": clubRoom, "type": "groupchat", "body": "Echo: do you know me?"})
	st.all(clubRoom)
	st.call(200, "GET", pathOf(clubRoom)+"/occupants", "")
	if r := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"club@talk.elsewhere","body":"I do not"}`); r.State != "echoed" {
		st.Errorf("%+v", r)
	}
	st.settle(clubRoom, true)
	st.withoutArchive(clubRoom)
	st.step("")
	st.enters(denRoom, "Sybil", "<field var='muc#roomconfig_allowinvites'><value>1</value></field>")
	st.step("sybil, whose invitations the policy allows, lets a room of the other server invite the bot")
	st.person.does("mediated", doing{"to": slixBot, "room": denRoom, "reason": "come in"})
	st.event("room.invite", "")
	st.settle(denRoom, false)
	st.call(204, "DELETE", pathOf(clubRoom), "")
	st.settle(clubRoom, false)
}

// nowhere is a server that cannot be reached: the bot tries it again.
func (st *peopleStage) nowhere() {
	st.call(202, "PUT", pathOf(farRoom), putBot)
	harness.Eventually(st.T, "the bot waits for the other server", func() bool {
		r, err := st.p.Call("GET", pathOf(farRoom), "", "", "")
		return err == nil && strings.Contains(r.Body, `"state":"waiting"`)
	})
	st.call(200, "GET", pathOf(farRoom), "")
	st.call(204, "DELETE", pathOf(farRoom), "")
}

// keepsInvitation: an accepted invitation, with its password, counts after a kill.
func (st *peopleStage) keepsInvitation(file string) {
	st.step("")
	st.enters(secretRoom, "Sybil", "<field var='muc#roomconfig_persistentroom'><value>1</value></field><field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>letmein</value></field>")
	st.step("sybil invites the bot, with the password (XEP-0249)")
	st.xml("<message to='%s' id='ID'><x xmlns='jabber:x:conference' jid='%s' password='letmein' reason='come in'/></message>", slixBot, secretRoom)
	st.isIn(secretRoom)
	st.settle(secretRoom, true)
	st.call(200, "GET", pathOf(secretRoom), "")
	st.step("it is killed; the next process")
	st.p.Kill()
	st.p = harness.LaunchLinked(st.T, file)
	st.isIn(secretRoom)
	st.settle(secretRoom, true)
	st.call(200, "GET", pathOf(secretRoom), "")
}
