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
	slowBot = "slow@people.localhost"
	nobody  = "nobody@localhost"
)

const messagesConfig = `
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints:
  - {name: slow, match: {to: "slow@*"}, url: %q, timeout: 1m, typing: {after: 2s, rooms: true}}
  - {name: bot, url: %[3]q}
commands:
  - node: deploy
    name: Deploy
    bots: [echo@people.localhost]
    allow: [mallory@localhost]
    url: %[3]s
    form:
      title: Deploy
      fields:
        - {name: env, type: list, label: Environment, options: {staging: Staging, prod: Production}, required: true}
        - {name: dry, type: boolean, value: true}
        - {name: why, type: text-multi}
rooms:
  - {jid: archived@rooms.localhost, from: echo@people.localhost, nick: Echo}
  - {jid: plain@rooms.localhost, from: slow@people.localhost, nick: Slow}
http:
  listen: "127.0.0.1:0"
  tokens:
    - {name: all, hash: %q, scopes: [send, rooms, admin]}
    - {name: one, hash: %q, scopes: [send], from: [echo@people.localhost]}
store: {dir: %q}
`

// isOfMessages chooses what the transcript of messages has: without what is said of the past, how the
// program confirms, what rooms give back to the people there, what mallory hears there, and presence to them.
func isOfMessages(s string) bool {
	q := strings.ReplaceAll(s, `"`, "'")
	toPeople := strings.Contains(q, "@localhost/slix'") && !strings.Contains(q, " from='sybil@") && !strings.Contains(q, " from='mallory@")
	switch {
	case strings.Contains(q, barrier), strings.Contains(q, " from='people.localhost/"), strings.Contains(q, " to='mallory@localhost/slix'") && strings.Contains(q, " type='groupchat'"), strings.Contains(q, "urn:xmpp:mam:2"), strings.Contains(q, "urn:xmpp:delay"), strings.Contains(q, "jabber:iq:roster"):
		return false
	case strings.HasPrefix(q, "<iq "):
		return strings.Contains(q, "protocol/commands'") || !strings.Contains(q, " type='result'") && strings.Contains(q, "urn:xmpp:message-moderate")
	case strings.HasPrefix(q, "<presence"):
		return strings.Contains(q, archived+"/") && !strings.Contains(q, archived+"/Echo'") && !toPeople
	}
	return !toPeople || strings.Contains(q, " from='"+slixBot) || strings.Contains(q, " from='"+slowBot) || strings.Contains(q, "/Echo'") || strings.Contains(q, "/Slow'")
}

// messagesStage is a peopleStage with a second person, who means no good.
type messagesStage struct {
	*peopleStage
	mallory *person
	link    *harness.Relay
	file    string
	seen    chan bool // sybil has seen that the slow bot types
}

func newMessagesStage(t *testing.T, kind lab.Kind) *messagesStage {
	s := harness.StartServer(t, withModeration(harness.WithManyRooms(harness.ServerOptions(kind, "people"))))
	said := harness.NewTranscript(t, isOfMessages, "sybil", "mallory")
	st := &messagesStage{peopleStage: &peopleStage{T: t, listener: newListener(t), said: said, token: "token-all"}, seen: make(chan bool)}
	t.Cleanup(func() { close(st.seen) })
	st.listener.answer = st.answers
	st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
	st.mallory = newPerson(t, said.Through("mallory", s.ClientAddr()).Addr(), "mallory")
	st.mallory.n = 500 // other ids than sybil's
	st.step("")
	persistent := "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
	st.makes(archived, persistent+harness.ArchivedRoom(kind))
	st.makes(plain, persistent)
	dir := t.TempDir()
	st.link = said.Through("component", s.ComponentAddr())
	st.file = harness.WriteConfig(t, dir, fmt.Sprintf(messagesConfig, st.link.Addr(), harness.Secret, st.listener.url,
		harness.HashOf("token-all"), harness.HashOf("token-one"), filepath.Join(dir, "store")))
	st.starts()
	return st
}

// starts starts the program, whose bots are in their rooms then.
func (st *messagesStage) starts() {
	st.T.Helper()
	st.p = harness.LaunchLinked(st.T, st.file)
	for _, room := range []string{archived, plain} {
		st.isIn(room)
		st.settle(room, true)
	}
}

// answers are those of the bots.
func (st *messagesStage) answers(ev said) string {
	switch body := ev.Data.Body; {
	case ev.Type == "command.submit":
		return `{"result":{"title":"Deployed","fields":{"took":"3 s"}}}`
	case missed(ev), !strings.Contains(ev.raw, `"to":"`+slowBot+`"`):
		return ""
	case strings.HasPrefix(body, "slow"):
		<-st.seen
		return fmt.Sprintf(`{"body":"answer to %s"}`, body)
	case body == "silence":
		<-st.seen
	case body == "fast":
		return `{"body":"answer to fast"}`
	}
	return ""
}

// evil lets mallory send a stanza; 'ID' in it is its id, which is returned.
func (st *messagesStage) evil(what, xml string) string {
	st.T.Helper()
	st.step("mallory " + what)
	return st.mallory.does("raw", doing{"xml": xml})
}

// posts sends a message, and waits until sybil has it.
func (st *messagesStage) posts(to, body, more string) (v sent, h heard) {
	st.T.Helper()
	v = st.call(200, "POST", "/v1/messages?wait=30s", fmt.Sprintf(`{"from":"echo@people.localhost","to":%q,"body":%q%s}`, to, body, more))
	h = st.gets(body, func(h heard) bool { return h.ID == v.ID })
	if to == archived {
		st.settle(archived, true)
	}
	return v, h
}

// comes waits until all that somebody has sent to the bot, or to the room, has come.
func (st *messagesStage) comes(who *person, to, typ string) {
	st.T.Helper()
	st.listener.event("message."+typ, who.does("say", doing{"to": to, "type": typ, "body": barrier, "plain": true}))
}

// missed reports whether an event is of what a room has said before the bot was in it: after the loss of
// the store it may come again.
func missed(ev said) bool { return strings.Contains(ev.raw, `"missed":true`) }

// nothing waits until all that was said has come, and reports what no step has taken.
func (st *messagesStage) nothing(what string) {
	st.T.Helper()
	st.settle(archived, true)
	st.comes(st.person, slixBot, "chat")
	st.listener.mu.Lock()
	defer st.listener.mu.Unlock()
	for _, ev := range st.listener.came {
		if !missed(ev) {
			st.Errorf("%s: one too many: %s", what, ev.raw)
		}
	}
	st.listener.came = nil
}

// refused makes a request that is refused.
func (st *messagesStage) refused(status int, method, path, body, part string) {
	st.T.Helper()
	st.step("a program: " + method)
	if r := st.said.CallBy(st.p, st.token, method, path, harness.AsJSON, body); r.Status != status || !strings.Contains(r.Body, part) {
		st.Errorf("%s %s %s: %d %s, want %d %s", method, path, body, r.Status, r.Body, status, part)
	}
}

// What becomes of messages and of refs to them where people and programs do what they should not:
// refs that are wrong, what somebody does with the words of others, what comes back, a kill between.
// sybil and mallory have slixmpp. What is said is in testdata, for each server.
func TestMessagesSaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		st := newMessagesStage(t, kind)
		st.unlisted()
		st.wrongRefs()
		st.comesBack()
		st.types()
		st.takesBackAtOnce()
		st.mallorysChat()
		st.mallorysRoom(kind)
		st.killed()
		st.gajim()
		st.said.Compare("messages", kind, *update)
	})
}
