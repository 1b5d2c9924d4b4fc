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
	workRoom = "work@rooms.localhost"
	keptRoom = "kept@rooms.localhost"
	madeRoom = "made@rooms.localhost"
	loudRoom = "loud@rooms.localhost"
	doorRoom = "open-door@rooms.localhost"
	second   = "second@people.localhost"
	putOther = `{"from":"second@people.localhost","nick":"Second"}`
)

const workConfig = `
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints:
  - {name: own, url: %q, match: {own: true}}
  - {name: bot, url: %q, reply_in_rooms: reply}
rooms: [{jid: kept@rooms.localhost, from: echo@people.localhost, nick: Echo, password: letmein}]
room_policy: {invites: ["open-*@rooms.localhost"], max_rooms: 8, max_answers_per_minute: 3}
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: all, hash: %q, scopes: [send, rooms]}
    - {name: narrow, hash: %q, scopes: [send, rooms], rooms: ["work@*"]}
store: {dir: %q}
`

// isOfWork is isOfRooms without what comes to the second bot, and what sybil sees of roles in a room that
// the bot has made, as the rooms like to.
func isOfWork(s string) bool {
	q := strings.ReplaceAll(s, `"`, "'")
	role := strings.HasPrefix(q, "<presence") && strings.Contains(q, " from='"+madeRoom+"/") && strings.Contains(q, " to='sybil@localhost/slix'") && !strings.Contains(q, "type='unavailable'")
	return isOfRooms(s) && !strings.Contains(q, " to='"+second+"/room'") && !role
}

// workStage is a peopleStage with an endpoint for own words.
type workStage struct {
	*peopleStage
	own  *listener
	free chan struct{} // closed: the second bot answers
}

func newWorkStage(t *testing.T, kind lab.Kind) *workStage {
	s := harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "people")))
	said := harness.NewTranscript(t, isOfWork, "sybil")
	st := &workStage{&peopleStage{T: t, listener: newListener(t), said: said, token: "token-all"}, newListener(t), make(chan struct{})}
	st.listener.answer = st.answers
	st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
	st.step("")
	fields := "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
	st.makes(keptRoom, fields+"<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>letmein</value></field>")
	st.makes(workRoom, fields+harness.ArchivedRoom(kind))
	for _, room := range []string{loudRoom, doorRoom, otherRoom} {
		st.makes(room, fields)
	}
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(workConfig, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, st.own.url, st.listener.url,
		harness.HashOf("token-all"), harness.HashOf("token-narrow"), filepath.Join(dir, "store")))
	st.step("the program starts, with a room in its configuration")
	st.p = harness.LaunchLinked(t, file)
	st.isIn(keptRoom)
	st.settle(keptRoom, true)
	return st
}

// answers are those of both bots.
func (st *workStage) answers(ev said) string {
	to := func(bot string) bool { return strings.Contains(ev.raw, `"to":"`+bot+`"`) }
	switch body := ev.Data.Body; {
	case ev.Type == "room.invite" && ev.Data.Reason == "please":
		return `{"join":true}`
	case body == "in secret?" && to(slixBot):
		return `{"body":"only you","private":true}`
	case body == "both of you?" && to(slixBot):
		return `{"body":"Echo is here"}`
	case body == "both of you?" && to(second):
		<-st.free
		return `{"body":"Second is here"}`
	case strings.HasPrefix(body, "loud ") && to(slixBot):
		return fmt.Sprintf(`{"body":"heard %s"}`, body)
	}
	return ""
}

// heardBy waits for the event that a bot hears of sybil's words.
func (st *workStage) heardBy(bot, id string) said {
	st.T.Helper()
	return st.got("event", st.listener.take(id+" to "+bot, func(ev said) bool { return ev.Data.ID == id && strings.Contains(ev.raw, `"to":"`+bot+`"`) }))
}

// refused makes a request that is refused.
func (st *workStage) refused(status int, method, path, body, part string) {
	st.T.Helper()
	st.step("a program: " + method)
	if r := st.said.CallBy(st.p, st.token, method, path, harness.AsJSON, body); r.Status != status || !strings.Contains(r.Body, part) {
		st.Errorf("%s %s: %d %s, want %d %s", method, path, r.Status, r.Body, status, part)
	}
}

// What is said when a bot works in rooms: as an owner, a member, beside another bot, by invitation,
// within its bounds and those of its callers.
func TestRoomsWorkSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		st := newWorkStage(t, kind)
		st.configured()
		st.owns()
		st.joinsToSpeak()
		st.answersThere()
		st.isMeant()
		st.bothAnswer()
		st.looksBack()
		st.isInvited()
		st.isMuted()
		st.isBounded()
		st.said.Compare("rooms-work", kind, *update)
	})
}

// configured: a room of the configuration is not the API's.
func (st *workStage) configured() {
	st.refused(409, "DELETE", pathOf(keptRoom), "", "configuration")
	st.refused(409, "PUT", pathOf(keptRoom)+"?wait=30s", `{"from":"echo@people.localhost","password":"other"}`, "configuration")
	if r := st.call(200, "PUT", pathOf(keptRoom)+"?wait=30s", `{"from":"echo@people.localhost","nick":"Robot"}`); r.State != "joined" {
		st.Errorf("%+v", r)
	}
	st.sees(keptRoom+"/Robot", "")
	st.settle(keptRoom, true)
}

// owns: the bot makes a room, in which somebody is at once, changes it and who is there, and ends it.
func (st *workStage) owns() {
	st.call(200, "PUT", pathOf(madeRoom)+"?wait=30s", `{"from":"echo@people.localhost","nick":"Echo","create":true,"config":{"roomname":"Made","colour":"red"}}`)
	st.isIn(madeRoom)
	st.step("sybil joins the room that the bot has made")
	st.xml("<presence to='%s/Sybil'><x xmlns='http://jabber.org/protocol/muc'/></presence>", madeRoom)
	st.sees(madeRoom+"/Sybil", "")
	st.settle(madeRoom, true)
	st.call(200, "GET", pathOf(madeRoom)+"/occupants", "")
	st.call(200, "PATCH", pathOf(madeRoom)+"/config", `{"roomname":"Changed"}`)
	st.event("room.config", "")
	st.settle(madeRoom, true)
	st.refused(400, "PATCH", pathOf(madeRoom)+"/config", `{"colour":"red"}`, "colour")
	st.call(200, "PUT", pathOf(madeRoom)+"/affiliations/sybil@localhost", `{"affiliation":"admin","reason":"she may"}`)
	st.settle(madeRoom, true)
	st.call(200, "PUT", pathOf(madeRoom)+"/roles/Sybil", `{"role":"moderator"}`)
	st.settle(madeRoom, true)
	st.refused(422, "PUT", pathOf(madeRoom)+"/roles/nobody", `{"role":"none"}`, "condition")
	st.call(202, "POST", pathOf(madeRoom)+"/invite", `{"jid":"sybil@localhost","reason":"come","how":"direct"}`)
	st.gets("the invitation", func(h heard) bool { return h.From == slixBot+"/room" })
	st.settle(madeRoom, true)
	st.call(200, "PUT", pathOf(madeRoom)+"/affiliations/sybil@localhost", `{"affiliation":"none"}`)
	st.call(200, "PUT", pathOf(madeRoom)+"/roles/Sybil", `{"role":"none","reason":"off topic"}`)
	st.sees(madeRoom+"/Sybil", "unavailable")
	st.call(204, "DELETE", pathOf(madeRoom)+"?destroy=1&reason=over", "")
	st.event("room.left", "")
	st.listener.event("message.chat", st.person.does("say", doing{"to": slixBot, "body": barrier})) // what the room has said is there
	st.call(200, "GET", "/v1/rooms", "")
}

// joinsToSpeak: a message takes its bot into the room; then there is a second bot.
func (st *workStage) joinsToSpeak() {
	if r := st.call(200, "POST", "/v1/messages?join=1&wait=30s", `{"from":"echo@people.localhost","to":"work@rooms.localhost","body":"let me in"}`); r.State != "echoed" {
		st.Errorf("%+v", r)
	}
	st.isIn(workRoom)
	st.settle(workRoom, true)
	st.call(200, "PUT", pathOf(workRoom)+"?wait=30s", putOther)
	st.isIn(workRoom)
	st.settle(workRoom, true)
	st.refused(400, "GET", pathOf(workRoom), "", "from")
	st.call(200, "GET", pathOf(workRoom)+"?from=echo@people.localhost", "")
}

func (st *workStage) answersThere() {
	st.step("sybil asks, and is answered alone")
	st.heardBy(slixBot, st.person.does("say", doing{"to": workRoom, "type": "groupchat", "body": "in secret?"}))
	st.gets("the private answer", func(h heard) bool {
		return h.Body == "only you" && h.Type == "chat" && h.From == workRoom+"/echo"
	})
	st.settle(workRoom, true)
	st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"work@rooms.localhost/Sybil","body":"psst"}`)
	st.gets("what is for her alone", func(h heard) bool { return h.Body == "psst" && h.Type == "chat" })
}

// isMeant: mentions that are not in the text.
func (st *workStage) isMeant() {
	post := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"work@rooms.localhost","body":"who is there?"}`)
	asked := st.gets("what the bot asks", func(h heard) bool { return h.Body == "who is there?" })
	st.settle(workRoom, true)
	for _, c := range []struct {
		how, more string
		mention   bool
	}{
		{"by a reference (XEP-0372)", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='xmpp:echo@people.localhost'/>", true},
		{"by a reference to its nick", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='xmpp:work@rooms.localhost/echo'/>", true},
		{"and means the other bot", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='3' uri='xmpp:second@people.localhost'/>", false},
		{"by a mention (XEP-0513)", "<mention xmlns='urn:xmpp:mentions:0' jid='echo@people.localhost'/>", true},
		{"by a reply to what it has said, by the room's id", "<reply xmlns='urn:xmpp:reply:0' id='" + asked.StanzaID + "'/>", true},
		{"by a reply, by its own id", "<reply xmlns='urn:xmpp:reply:0' id='" + post.ID + "'/>", true},
		{"by a reply to its nick", "<reply xmlns='urn:xmpp:reply:0' id='gone' to='work@rooms.localhost/echo'/>", true},
		{"and replies to somebody else", "<reply xmlns='urn:xmpp:reply:0' id='gone' to='work@rooms.localhost/Sybil'/>", false},
	} {
		st.step("sybil means the bot " + c.how)
		if ev := st.heardBy(slixBot, st.xml("<message to='%s' type='groupchat' id='ID'><body>me</body>%s</message>", workRoom, c.more)); !strings.Contains(ev.raw, fmt.Sprintf(`"mention":%t`, c.mention)) {
			st.Errorf("%s: %s", c.how, ev.raw)
		}
		st.settle(workRoom, true)
	}
}

// bothAnswer: two bots answer sybil, and not each other; what they say is own words, of each of them.
func (st *workStage) bothAnswer() {
	st.step("sybil asks both bots")
	id := st.person.does("say", doing{"to": workRoom, "type": "groupchat", "body": "both of you?"})
	words := []string{"Echo is here", "Second is here"}
	for i, bot := range []string{slixBot, second} {
		st.heardBy(bot, id)
		if i == 1 {
			close(st.free)
		}
		st.gets(words[i], func(h heard) bool { return strings.HasSuffix(h.Body, words[i]) && h.Type == "groupchat" })
		for _, by := range []string{slixBot, second} {
			st.got("own words", st.own.take(words[i]+" to "+by, func(ev said) bool {
				return strings.HasSuffix(ev.Data.Body, words[i]) && strings.Contains(ev.raw, `"to":"`+by+`"`)
			}))
		}
	}
	st.settle(workRoom, true)
	st.listener.mu.Lock()
	defer st.listener.mu.Unlock()
	for _, ev := range st.listener.came {
		if ev.Type == "message.groupchat" && strings.HasSuffix(ev.Data.Body, " is here") {
			st.Errorf("the words of a bot are an event: %s", ev.raw)
		}
	}
}

// looksBack reads the archive, with a token for this room alone.
func (st *workStage) looksBack() {
	st.token = "token-narrow"
	defer func() { st.token = "token-all" }()
	st.call(200, "GET", pathOf(workRoom)+"/history?from=echo@people.localhost&limit=2", "")
	st.call(200, "GET", "/v1/rooms", "")
	st.refused(403, "GET", pathOf(keptRoom), "", "rooms")
	st.refused(403, "PUT", pathOf(otherRoom), putBot, "rooms")
	st.refused(403, "POST", "/v1/messages", `{"from":"echo@people.localhost","to":"kept@rooms.localhost","body":"psst"}`, "rooms")
}

func (st *workStage) isInvited() {
	st.step("sybil invites the bot into a room that the policy allows (XEP-0249)")
	st.person.does("invite", doing{"to": slixBot, "room": doorRoom, "reason": "come in"})
	st.isIn(doorRoom)
	st.settle(doorRoom, true)
	st.step("sybil kicks the bot")
	st.admin(doorRoom, "<item nick='echo' role='none'/>")
	st.event("room.left", "")
	st.settle(doorRoom, false)
	st.step("sybil invites the bot again")
	st.person.does("invite", doing{"to": slixBot, "room": doorRoom, "reason": "come back"})
	st.isIn(doorRoom)
	st.settle(doorRoom, true)
	st.step("sybil invites the bot into another one, and it accepts")
	st.person.does("invite", doing{"to": slixBot, "room": otherRoom, "reason": "please"})
	st.event("room.invite", "")
	st.isIn(otherRoom)
	st.settle(otherRoom, true)
}

// isMuted: more answers than the policy allows.
func (st *workStage) isMuted() {
	st.call(200, "PUT", pathOf(loudRoom)+"?wait=30s", putBot)
	st.isIn(loudRoom)
	st.settle(loudRoom, true)
	for i := 1; i <= 4; i++ {
		text := fmt.Sprint("loud ", i)
		st.step("sybil says: " + text)
		st.heardBy(slixBot, st.person.does("say", doing{"to": loudRoom, "type": "groupchat", "body": text}))
		if i < 4 {
			st.gets("the answer", func(h heard) bool { return strings.HasSuffix(h.Body, "heard "+text) && h.From == loudRoom+"/Echo" })
		} else {
			st.event("room.muted", "")
		}
		st.settle(loudRoom, true)
	}
}

// isBounded: there is no place for one more room of this caller; and a bot leaves.
func (st *workStage) isBounded() {
	st.refused(507, "PUT", pathOf("more@rooms.localhost"), putBot, "max_rooms")
	st.call(204, "DELETE", pathOf(workRoom)+"?from=second@people.localhost", "")
	st.got("event", st.listener.take("it has left", func(ev said) bool { return ev.Type == "room.left" && strings.Contains(ev.raw, `"to":"`+second+`"`) }))
	st.settle(workRoom, true)
}
