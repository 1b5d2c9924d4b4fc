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

// barrier is in what is said only so that all before it has come.
const barrier = "barrier"

// isOfRooms chooses what the transcript of rooms has: without what is asked of the service, and
// without the forms of rooms. The leave of a room that is not wanted, and what the room says then, come when they like to; and
// Prosody orders what is in a mediated invitation as it likes.
func isOfRooms(s string) bool {
	q := strings.ReplaceAll(s, `"`, "'")
	switch {
	case strings.Contains(q, barrier), strings.Contains(q, "<invite from='"), !strings.Contains(q, "rooms.localhost"), strings.Contains(q, "urn:xmpp:mam:2"), strings.Contains(q, " from='none@rooms.localhost") && !strings.Contains(q, "status code='201'"), strings.Contains(q, " to='none@rooms.localhost") && strings.Contains(q, "unavailable"):
		return false
	case strings.HasPrefix(q, "<iq "):
		through := strings.Contains(q, "='"+opsRoom+"/Sybil'") || strings.Contains(q, "='"+opsRoom+"/Echo'")
		return through || !strings.Contains(q, " type='result'") && (strings.Contains(q, "muc#owner'") || strings.Contains(q, "muc#admin'") || strings.Contains(q, "urn:xmpp:message-moderate"))
	}
	return true
}

func newRoomsStage(t *testing.T, kind lab.Kind) *peopleStage {
	s := harness.StartServer(t, withModeration(harness.WithManyRooms(harness.ServerOptions(kind, "people"))))
	said := harness.NewTranscript(t, isOfRooms, "sybil")
	l := newListener(t)
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q, rooms: [messages, self, occupants, subject]}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, l.url, filepath.Join(dir, "store")))
	st := &peopleStage{T: t, listener: l, p: harness.LaunchLinked(t, file), said: said}
	st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
	return st
}

// xml lets sybil send a stanza; 'ID' in it is its id, which is returned.
func (st *peopleStage) xml(format string, args ...any) string {
	st.T.Helper()
	return st.person.does("raw", doing{"xml": fmt.Sprintf(format, args...)})
}

// asks lets her send an IQ, and waits for its result.
func (st *peopleStage) asks(format string, args ...any) {
	st.T.Helper()
	id := st.xml(format, args...)
	if h := st.gets("an answer", func(h heard) bool { return h.IQ != nil && h.IQ.ID == id }); h.IQ.Type != "result" {
		st.Fatalf("%s is answered with %+v", fmt.Sprintf(format, args...), h.IQ)
	}
}

// sees waits for presence from an occupant.
func (st *peopleStage) sees(occupant, typ string) {
	st.T.Helper()
	st.gets(occupant+" "+typ, func(h heard) bool { return h.Presence != nil && h.Presence.From == occupant && h.Presence.Type == typ })
}

// joined waits for the event that the bot is in a room, as isIn, and until all has come.
func (st *peopleStage) joined(room string) {
	st.T.Helper()
	st.event("room.joined", "")
	st.said.Knows(room)
	st.settle(room, true)
}

// enters lets her make a room, and fill in its form.
func (st *peopleStage) enters(room, nick, fields string) {
	st.T.Helper()
	st.xml("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room, nick)
	st.sees(room+"/"+nick, "")
	st.configures(room, fields)
	st.settle(room, false)
}

func (st *peopleStage) configures(room, fields string) {
	st.T.Helper()
	st.asks("<iq type='set' id='ID' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", room, fields)
}

func (st *peopleStage) admin(room, item string) {
	st.T.Helper()
	st.asks("<iq type='set' id='ID' to='%s'><query xmlns='http://jabber.org/protocol/muc#admin'>%s</query></iq>", room, item)
}

// settle waits until all that the room has sent so far has come to her, and to the bot, where it
// is in the room; where it is not, what the server has sent it.
func (st *peopleStage) settle(room string, in bool) {
	st.T.Helper()
	id := st.person.does("say", doing{"to": room, "type": "groupchat", "body": barrier})
	st.gets(barrier, func(h heard) bool { return h.ID == id })
	if in {
		st.listener.event("message.groupchat", id)
		return
	}
	id = st.person.does("say", doing{"to": slixBot, "body": barrier})
	st.listener.event("message.chat", id)
	st.gets("the receipt", func(h heard) bool { return h.Receipt == id })
}

const (
	opsRoom   = "ops@rooms.localhost"
	otherRoom = "other@rooms.localhost"
	takenRoom = "taken@rooms.localhost"
	putBot    = `{"from":"echo@people.localhost","nick":"Echo"}`
)

func pathOf(room string) string { return "/v1/rooms/" + room }

// What is said when a bot joins rooms, speaks and hears there, is refused, and is put out, is in
// testdata, for each server; sybil has slixmpp, and sends what clients do.
func TestRoomsSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		st := newRoomsStage(t, kind)
		st.refusals()
		st.nicks(kind)
		st.speaks()
		st.hears()
		st.changes()
		st.invited(kind)
		st.moderates(kind)
		st.putOut()
		st.said.Compare("rooms", kind, *update)
	})
}

func (st *peopleStage) refusals() {
	refused := func(room, body, condition string) {
		st.T.Helper()
		if r := st.call(422, "PUT", pathOf(room)+"?wait=30s", body); r.Condition != condition {
			st.Errorf("%s: %+v, want %s", room, r, condition)
		}
	}
	refused("none@rooms.localhost", putBot, "item-not-found")
	for _, c := range []struct{ room, fields, item, condition string }{
		{"secret@rooms.localhost", "<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>letmein</value></field>", "", "not-authorized"},
		{"members@rooms.localhost", "<field var='muc#roomconfig_membersonly'><value>1</value></field>", "", "registration-required"},
		{"banned@rooms.localhost", "", "<item jid='echo@people.localhost' affiliation='outcast'><reason>spam</reason></item>", "forbidden"},
	} {
		st.step("")
		st.enters(c.room, "Sybil", c.fields)
		if c.item != "" {
			st.admin(c.room, c.item)
			st.settle(c.room, false)
		}
		refused(c.room, putBot, c.condition)
	}
	refused("secret@rooms.localhost", strings.Replace(putBot, "}", `,"password":"wrong"}`, 1), "not-authorized")
	if r := st.call(200, "PUT", pathOf("secret@rooms.localhost")+"?wait=30s", strings.Replace(putBot, "}", `,"password":"letmein"}`, 1)); r.State != "joined" {
		st.Errorf("%+v", r)
	}
	st.joined("secret@rooms.localhost")
}

// nicks: somebody has the bot's nick, and gives it up; then another room is joined.
func (st *peopleStage) nicks(kind lab.Kind) {
	st.step("")
	st.enters(takenRoom, "Echo", "")
	st.call(200, "PUT", pathOf(takenRoom)+"?wait=30s", putBot)
	st.joined(takenRoom)
	st.step("sybil gives up the nick of the bot")
	st.xml("<presence to='%s/Sybil'/>", takenRoom)
	st.sees(takenRoom+"/Sybil", "")
	st.sees(takenRoom+"/Echo", "")
	st.event("room.occupant", "")
	st.settle(takenRoom, true)

	st.step("sybil makes a room")
	fields := "<field var='muc#roomconfig_persistentroom'><value>1</value></field><field var='muc#roomconfig_changesubject'><value>1</value></field>" + harness.ArchivedRoom(kind)
	if kind == lab.Ejabberd { // else nobody can lose the voice
		fields += "<field var='muc#roomconfig_moderatedroom'><value>1</value></field>"
	}
	st.enters(opsRoom, "Sybil", fields)
	st.call(200, "PUT", pathOf(opsRoom)+"?wait=30s", putBot)
	st.sees(opsRoom+"/Echo", "")
	st.joined(opsRoom)
}

func (st *peopleStage) speaks() {
	if r := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"ops@rooms.localhost","body":"hello all"}`); r.State != "echoed" {
		st.Errorf("%+v", r)
	}
	st.gets("hello all", func(h heard) bool { return h.Body == "hello all" && h.From == opsRoom+"/Echo" })
	st.settle(opsRoom, true)
	if r := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"ops@rooms.localhost","type":"groupchat","subject":"all is well"}`); r.State != "echoed" {
		st.Errorf("the subject: %+v", r)
	}
	st.settle(opsRoom, true)
	// A room of ejabberd, a process of its own, may refuse it later than the server has it.
	post := st.call(202, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"ops@rooms.localhost/nobody","body":"psst"}`)
	harness.Eventually(st.T, "what is for nobody has come back", func() bool {
		r, err := st.p.Call("GET", "/v1/messages/"+post.ID, "", "", "")
		return err == nil && strings.Contains(r.Body, `"bounced"`)
	})
	st.call(200, "GET", "/v1/messages/"+post.ID+"?wait_for=received&wait=1s", "")
	st.step("sybil takes the bot's voice")
	st.admin(opsRoom, "<item nick='Echo' role='visitor'/>")
	st.settle(opsRoom, true)
	if r := st.call(422, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"ops@rooms.localhost","body":"no voice"}`); r.Condition != "forbidden" {
		st.Errorf("without a voice: %+v", r)
	}
	st.step("")
	st.admin(opsRoom, "<item nick='Echo' role='participant'/>")
	st.settle(opsRoom, true)
}

func (st *peopleStage) hears() {
	for _, c := range []struct {
		body, text string
		mention    bool
	}{
		{"hey echo, deploy", "hey echo, deploy", true},
		{"Echo: deploy", "deploy", true},
		{"echoes", "echoes", false},
	} {
		st.step("sybil says: " + c.body)
		ev := st.event("message.groupchat", st.person.does("say", doing{"to": opsRoom, "type": "groupchat", "body": c.body}))
		if ev.Data.Text != c.text || !strings.Contains(ev.raw, fmt.Sprintf(`"mention":%t`, c.mention)) {
			st.Errorf("%q: %s", c.body, ev.raw)
		}
		st.settle(opsRoom, true)
	}
	st.step("sybil lies about who she is, when it was, and which id the room gave it")
	id := st.xml("<message to='%s' type='groupchat' id='ID'><body>believe me</body><stanza-id xmlns='urn:xmpp:sid:0' by='%[1]s' id='faked-id'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='faked-occupant'/>"+
		"<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='admin' role='none' jid='boss@localhost'/></x><delay xmlns='urn:xmpp:delay' from='%[1]s' stamp='2001-01-01T00:00:00Z'/></message>", opsRoom)
	ev := st.event("message.groupchat", id)
	if room := ev.raw[strings.Index(ev.raw, `"room":`):]; !strings.Contains(room, `"affiliation":"owner"`) || !strings.Contains(room, `"role":"moderator"`) || strings.Contains(room, "boss") || strings.Contains(room, `"missed":true`) || strings.Contains(room, "faked") {
		st.Errorf("%s", ev.raw)
	}
	st.settle(opsRoom, true)
	for _, payload := range []string{"<query xmlns='jabber:iq:version'/>", "<vCard xmlns='vcard-temp'/>"} {
		st.step("sybil asks the bot by way of the room: " + payload)
		id := st.xml("<iq type='get' id='ID' to='%s/Echo'>%s</iq>", opsRoom, payload)
		st.gets("an answer", func(h heard) bool { return h.IQ != nil && h.IQ.ID == id })
	}
	st.step("sybil writes to the bot alone")
	id = st.person.does("say", doing{"to": opsRoom + "/Echo", "body": "psst"})
	st.event("message.private", id)
	st.gets("the receipt", func(h heard) bool { return h.Receipt == id })
	st.settle(opsRoom, true)
}

func (st *peopleStage) changes() {
	st.step("sybil is away")
	st.xml("<presence to='%s/Sybil'><show>away</show><status>at lunch</status></presence>", opsRoom)
	st.event("room.occupant", "")
	st.settle(opsRoom, true)
	st.step("sybil sets the subject")
	st.xml("<message to='%s' type='groupchat' id='ID'><subject>all is lost</subject></message>", opsRoom)
	st.event("room.subject", "")
	st.settle(opsRoom, true)
	st.step("sybil changes the room's name")
	st.configures(opsRoom, "<field var='muc#roomconfig_roomname'><value>Operations</value></field>")
	st.event("room.config", "")
	st.settle(opsRoom, true)
}

func (st *peopleStage) invited(kind lab.Kind) {
	st.step("")
	fields := ""
	if kind == lab.Ejabberd {
		fields = "<field var='muc#roomconfig_allowinvites'><value>1</value></field>"
	}
	st.enters(otherRoom, "Sybil", fields)
	st.step("sybil invites the bot herself (XEP-0249)")
	st.person.does("invite", doing{"to": slixBot, "room": otherRoom, "reason": "come in"})
	st.event("room.invite", "")
	st.settle(otherRoom, false)
	st.step("sybil lets the room invite the bot (XEP-0045 section 7.8.2)")
	st.person.does("mediated", doing{"to": slixBot, "room": otherRoom, "reason": "come in"})
	st.event("room.invite", "")
	st.settle(otherRoom, false)
}

// moderates takes back what others have said (XEP-0425); ejabberd 23.01 cannot.
func (st *peopleStage) moderates(kind lab.Kind) {
	ask, can := moderationOf(kind)
	if !can {
		return
	}
	post := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"ops@rooms.localhost","body":"off topic"}`)
	said := st.gets("what is off topic", func(h heard) bool { return h.Body == "off topic" })
	st.settle(opsRoom, true)
	st.step("sybil takes back what the bot has said (XEP-0425)")
	st.asks("<iq type='set' id='ID' to='"+opsRoom+"'>"+ask+"</iq>", said.StanzaID)
	ev := st.event("message.retraction", "")
	if ev.Data.RefOf != post.Ref || !strings.Contains(ev.raw, `"by":"`+opsRoom+`/Sybil"`) || ev.Data.Foreign == nil || *ev.Data.Foreign {
		st.Errorf("%s", ev.raw)
	}
	st.settle(opsRoom, true)
	st.step("sybil says that the room has done so")
	id := st.xml("<message to='%s' type='groupchat' id='ID'><retract xmlns='urn:xmpp:message-retract:1' id='%s'><moderated xmlns='urn:xmpp:message-moderate:1' by='%[1]s/Boss'/></retract></message>", opsRoom, said.StanzaID)
	if ev := st.event("message.retraction", id); ev.Data.Foreign == nil || !*ev.Data.Foreign || strings.Contains(ev.raw, `"by":"`+opsRoom+`/Boss"`) {
		st.Errorf("%s", ev.raw)
	}
	st.settle(opsRoom, true)
}

func (st *peopleStage) putOut() {
	st.step("sybil kicks the bot")
	st.admin(opsRoom, "<item nick='Echo' role='none'><reason>enough</reason></item>")
	st.event("room.left", "")
	st.settle(opsRoom, false)
	st.call(200, "GET", pathOf(opsRoom), "")
	st.call(204, "DELETE", pathOf(opsRoom), "")
	st.call(200, "PUT", pathOf(opsRoom)+"?wait=30s", putBot)
	st.joined(opsRoom)
	st.step("sybil makes the room one for members")
	st.configures(opsRoom, "<field var='muc#roomconfig_membersonly'><value>1</value></field>")
	st.event("room.left", "")
	st.settle(opsRoom, false)
	st.step("sybil bans the bot from another room")
	st.admin(takenRoom, "<item jid='echo@people.localhost' affiliation='outcast'><reason>enough</reason></item>")
	st.event("room.left", "")
	st.settle(takenRoom, false)
	st.step("sybil ends a room")
	st.asks("<iq type='set' id='ID' to='secret@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='%s'><reason>we have moved</reason></destroy></query></iq>", otherRoom)
	st.event("room.left", "")
	st.settle(otherRoom, false)
}
