//go:build integration

package webhook

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const awayConfig = `
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
rooms:
%s`

// whileDead is what is said while there is no program.
const whileDead = "while it is dead"

// isOfAway chooses what the transcript of an absence has: that of rooms, without what sybil's words
// look like to herself, which comes before or after what happens to the bot; and of the past only
// what has a text that was said while the bot was away, or what the room itself says then: how much there
// is besides depends on the time.
func isOfAway(past *atomic.Value) func(s string) bool {
	return func(s string) bool {
		q := strings.ReplaceAll(s, `"`, "'")
		text, _ := past.Load().(string)
		switch {
		case strings.Contains(q, " from='"+opsRoom+"/Sybil'") && strings.Contains(q, " to='sybil@localhost/slix'") && strings.HasPrefix(q, "<message"):
			return false
		case strings.Contains(q, " from='"+otherRoom) && strings.Contains(q, " type='unavailable'"): // beside what another room says
			return false
		case strings.Contains(q, "urn:xmpp:delay"):
			tag, _, _ := strings.Cut(q, ">")
			if text == "" || !strings.Contains(q, text) && !(text == whileDead && strings.Contains(tag, " from='"+opsRoom+"'")) {
				return false
			}
		}
		return isOfRooms(s)
	}
}

// withModeration is a server whose rooms have archives, and moderators who can take back messages.
func withModeration(o lab.Options) lab.Options {
	with := o.Edit
	o.Edit = func(config []byte) ([]byte, error) {
		config, err := with(config)
		return bytes.Replace(config, []byte(`{ "muc_mam" }`), []byte(`{ "muc_mam", "muc_moderation" }`), 1), err
	}
	return o
}

// moderationOf reports whether moderators of rooms can take back messages (XEP-0425): not on ejabberd
// 23.01. The form is that of the version of the server.
func moderationOf(kind lab.Kind) (form string, can bool) {
	if kind == lab.Ejabberd {
		return "<moderate xmlns='urn:xmpp:message-moderate:1' id='%s'><retract xmlns='urn:xmpp:message-retract:1'/><reason>off topic</reason></moderate>", os.Getenv("EJABBERD_ROOT") != ""
	}
	return "<apply-to xmlns='urn:xmpp:fasten:0' id='%s'><moderate xmlns='urn:xmpp:message-moderate:0'><retract xmlns='urn:xmpp:message-retract:0'/><reason>off topic</reason></moderate></apply-to>", true
}

// A bot of the configuration leaves and rejoins its room: at a stop, a kill, a cut of its connection, also
// while much is said, and a restart of the server. The transcripts in testdata have what people in the room see, and what
// is delivered as missed, moderated retractions among it, for each server.
func TestRoomsAwaySaid(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, withModeration(harness.WithManyRooms(harness.ServerOptions(kind, "people"))))
		past := &atomic.Value{}
		said := harness.NewTranscript(t, isOfAway(past), "sybil")
		forgets := harness.NewRelay(t, s.ComponentAddr())
		link := said.Through("component", forgets.Addr())
		st := &peopleStage{T: t, listener: newListener(t), said: said}
		client := said.Through("sybil", s.ClientAddr()).Addr()
		st.person = newPerson(t, client, "sybil")
		st.step("")
		st.makes(opsRoom, "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"+harness.ArchivedRoom(kind))
		for _, room := range []string{otherRoom, madeRoom} {
			st.makes(room, "<field var='muc#roomconfig_persistentroom'><value>1</value></field>")
		}
		dir := t.TempDir()
		write := func(rooms ...string) string {
			var list strings.Builder
			for _, room := range rooms {
				fmt.Fprintf(&list, "  - {jid: %s, from: %s, nick: Echo}\n", room, slixBot)
			}
			return harness.WriteConfig(t, dir, fmt.Sprintf(awayConfig, link.Addr(), harness.Secret, st.listener.url, filepath.Join(dir, "store"), list.String()))
		}
		file := write(opsRoom)
		starts := func() {
			st.p = harness.LaunchLinked(t, file)
			st.isIn(opsRoom)
			st.settle(opsRoom, true)
		}
		ids := make(map[string]string)
		// gone waits until she sees that what she says does not reach the bot.
		gone := func() {
			t.Helper()
			st.gets("what says so", func(h heard) bool {
				return h.Type == "error" && h.From == opsRoom+"/Echo" || h.Presence != nil && h.Presence.From == opsRoom+"/Echo" && h.Presence.Type == "unavailable"
			})
		}
		says := func(text string) {
			t.Helper()
			st.noticed()
			id := st.person.does("say", doing{"to": opsRoom, "type": "groupchat", "body": text})
			ids[text] = id
			st.gets("her own words", func(h heard) bool { return h.ID == id && h.Type == "groupchat" })
			gone()
		}
		missed := func(text string) {
			t.Helper()
			if ev := st.event("message.groupchat", ids[text]); ev.Data.Body != text || !strings.Contains(ev.raw, `"missed":true`) {
				t.Errorf("%s", ev.raw)
			}
		}

		st.step("the program starts")
		starts()
		post := st.call(200, "POST", "/v1/messages?wait=30s", `{"from":"echo@people.localhost","to":"ops@rooms.localhost","body":"off topic"}`)
		offTopic := st.gets("what is off topic", func(h heard) bool { return h.Body == "off topic" })
		st.settle(opsRoom, true)
		st.step("the program stops")
		st.p.StopWell()
		st.sees(opsRoom+"/Echo", "unavailable")
		st.step("it starts again")
		starts()

		st.step("it is killed, and sybil speaks")
		st.p.Kill()
		says(whileDead)
		ask, can := moderationOf(kind)
		if can {
			st.step("she takes back what the bot has said (XEP-0425)")
			st.asks("<iq type='set' id='ID' to='"+opsRoom+"'>"+ask+"</iq>", offTopic.StanzaID)
		}
		past.Store(whileDead)
		st.step("the next process")
		st.p = harness.LaunchLinked(t, file)
		missed(whileDead)
		if can {
			ev := st.event("message.retraction", "")
			if ev.Data.RefOf != post.Ref || !strings.Contains(ev.raw, `"by":"`+opsRoom+`/Sybil"`) || !strings.Contains(ev.raw, `"missed":true`) || ev.Data.Foreign != nil && *ev.Data.Foreign {
				t.Errorf("%s", ev.raw)
			}
		}
		st.isIn(opsRoom)
		st.settle(opsRoom, true)

		st.call(200, "PUT", pathOf(otherRoom)+"?wait=30s", putBot)
		st.isIn(otherRoom)
		st.settle(otherRoom, true)

		st.step("its connection is cut, and sybil speaks")
		link.Shut.Store(true)
		link.Cut()
		harness.Eventually(t, "the link is down", func() bool { return st.p.Get("/readyz").Status == 503 })
		says("while it is cut off")
		st.call(204, "DELETE", pathOf(otherRoom), "")
		past.Store("while it is cut off")
		st.step("it is connected again, and leaves the room that it was taken out of meanwhile")
		link.Shut.Store(false)
		st.sees(otherRoom+"/Echo", "unavailable")
		missed("while it is cut off")
		st.isIn(opsRoom)
		st.settle(opsRoom, true)

		past.Store("")
		st.interrupted(link, forgets)

		st.step("")
		link.Shut.Store(true)
		link.Cut()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		past.Store("")
		st.person = newPerson(t, client, "sybil")
		st.person.n = 100 // other ids than before
		st.makes(madeRoom, "<field var='muc#roomconfig_persistentroom'><value>1</value></field>")
		// Prosody has the bot in the room still, or not: as the end of its connection was noticed before that of the server.
		st.xml("<presence to='%s/Sybil'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", opsRoom)
		st.gets("her own presence", func(h heard) bool {
			return h.Presence != nil && h.Presence.From == opsRoom+"/Sybil" && strings.Contains(fmt.Sprint(h.Presence.Codes), "110")
		})
		st.drains(opsRoom)
		st.step("the server has restarted, sybil has come again, and so does the bot")
		link.Shut.Store(false)
		st.isIn(opsRoom)
		st.settle(opsRoom, true)
		st.step("sybil speaks to it")
		st.event("message.groupchat", st.person.does("say", doing{"to": opsRoom, "type": "groupchat", "body": "Echo: are you there?"}))
		st.settle(opsRoom, true)

		st.step("sybil kicks the bot")
		st.admin(opsRoom, "<item nick='Echo' role='none'><reason>enough</reason></item>")
		st.event("room.left", "")
		st.settle(opsRoom, false)
		st.p.StopWell()
		st.step("it starts again, and stays out")
		st.p = harness.LaunchLinked(t, file)
		st.settle(opsRoom, false)
		st.call(200, "GET", pathOf(opsRoom), "")
		st.step("the configuration is read again: what has refused the bot is tried again")
		st.reads(1)
		st.isIn(opsRoom)
		st.settle(opsRoom, true)
		st.step("it is read with another room in it")
		write(opsRoom, madeRoom)
		st.reads(2)
		st.isIn(madeRoom)
		st.settle(madeRoom, true)
		st.step("it is read without the first one")
		write(madeRoom)
		st.reads(3)
		st.sees(opsRoom+"/Echo", "unavailable")
		st.settle(opsRoom, false)
		said.Compare("rooms-away", kind, *update)
	})
}

// reads lets the program read its configuration again, for the n-th time.
func (st *peopleStage) reads(n int) {
	st.T.Helper()
	if err := st.p.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		st.Fatal(err)
	}
	harness.Eventually(st.T, "the configuration is read", func() bool {
		return strings.Count(st.p.Log.String(), "configuration reloaded") == n
	})
}

var occupantID = regexp.MustCompile(`"occupant_id":"[^"]*"`)

// isIn waits for the event that the bot is in a room, and until it knows what the room offers. Its own occupant-id is known or not, as the room
// had answered an earlier question.
func (st *peopleStage) isIn(room string) {
	st.T.Helper()
	ev := st.listener.take("joined "+room, func(ev said) bool { return ev.Type == "room.joined" && ev.Data.Room.JID == room })
	ev.raw = occupantID.ReplaceAllString(ev.raw, `"occupant_id":null`)
	st.got("event", ev)
	st.said.Knows(room)
}

// noticed waits until the server has noticed that there is no component: what she says to the bot
// comes back.
func (st *peopleStage) noticed() {
	st.T.Helper()
	n := st.person.n
	harness.Eventually(st.T, "the server has noticed the end of the connection", func() bool {
		st.person.n = n // her ids do not depend on how often she tries
		st.person.does("say", doing{"to": slixBot, "body": barrier})
		st.person.mu.Lock()
		defer st.person.mu.Unlock()
		return slices.ContainsFunc(st.person.came, func(h heard) bool { return h.Type == "error" && h.From == slixBot })
	})
	st.person.mu.Lock()
	defer st.person.mu.Unlock()
	st.person.came = slices.DeleteFunc(st.person.came, func(h heard) bool { return h.Type == "error" && h.From == slixBot })
}

// makes lets sybil make a room while there is no program.
func (st *peopleStage) makes(room, fields string) {
	st.T.Helper()
	st.xml("<presence to='%s/Sybil'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", room)
	st.sees(room+"/Sybil", "")
	st.configures(room, fields)
	st.drains(room)
}

// drains waits until all that a room has sent so far has come to sybil.
func (st *peopleStage) drains(room string) {
	st.T.Helper()
	id := st.person.does("say", doing{"to": room, "type": "groupchat", "body": barrier})
	st.gets(barrier, func(h heard) bool { return h.ID == id })
}
