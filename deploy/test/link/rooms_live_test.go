//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// live is a program with bots, and alice, who owns rooms.
type live struct {
	*testing.T
	server *lab.Server
	relay  *harness.Relay
	bot    *harness.Bot
	file   string
	p      *harness.Program
	alice  harness.User
}

// newLive starts all but the program. The bots answer what alice says with "heard" before it.
func newLive(t *testing.T, s *lab.Server, more string) *live {
	t.Helper()
	x := &live{T: t, server: s, bot: harness.NewBot(t), relay: harness.NewRelay(t, s.ComponentAddr())}
	x.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
		if h.Body == "" || strings.HasPrefix(h.Body, "no answer") {
			return 204, "", ""
		}
		return 200, "text/plain", "heard " + h.Body
	})
	dir := t.TempDir()
	x.file = harness.WriteConfig(t, dir, fmt.Sprintf("components: [{domain: event.localhost, server: %q, secret: %q}]\nendpoints: [{name: bot, url: %q, rooms: [messages, self, subject]}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n%s",
		x.relay.Addr(), harness.Secret, x.bot.URL(), filepath.Join(dir, "store"), more))
	x.alice = harness.Login(t, s, "alice")
	return x
}

// edit changes the configuration.
func (x *live) edit(from, to string) {
	x.Helper()
	text, err := os.ReadFile(x.file)
	require.NoError(x, err)
	require.NoError(x, os.WriteFile(x.file, []byte(strings.Replace(string(text), from, to, 1)), 0o600))
}

func (x *live) launch() { x.p = harness.LaunchLinked(x.T, x.file) }

// room makes one that stays, with alice as its owner.
func (x *live) room(name string) { x.roomWith(name, "") }

func (x *live) roomWith(name, fields string) {
	x.Helper()
	x.alice.Send("<presence to='%s@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", name)
	x.alice.Await("her own presence in the room", func(r lab.Received) bool {
		return r.Kind == "presence" && r.From == name+"@rooms.localhost/alice" && strings.Contains(r.Inner, "110")
	})
	x.alice.Send(submitForm, name, "<field var='muc#roomconfig_persistentroom'><value>1</value></field><field var='muc#roomconfig_changesubject'><value>1</value></field>"+fields)
	x.alice.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
}

func (x *live) call(method, path, body string, status int, parts ...string) string {
	x.Helper()
	r, err := x.p.Call(method, path, "", harness.AsJSON, body)
	if err != nil || r.Status != status {
		x.Errorf("%s %s: %d %s %v, want %d", method, path, r.Status, r.Body, err, status)
	}
	for _, part := range parts {
		if !strings.Contains(r.Body, part) {
			x.Errorf("%s %s: %s has no %s", method, path, r.Body, part)
		}
	}
	return r.Body
}

func (x *live) count(parts ...string) int {
	n := 0
	for _, h := range x.bot.Got() {
		if hasAll(h.Raw, parts) {
			n++
		}
	}
	return n
}

func hasAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// event waits for an event that has all parts, and returns its data.
func (x *live) event(parts ...string) (data struct{ Ref string }) {
	x.Helper()
	harness.Eventually(x.T, fmt.Sprint("an event with ", parts), func() bool { return x.count(parts...) > 0 })
	for _, h := range x.bot.Got() {
		if hasAll(h.Raw, parts) {
			var ev struct{ Data *struct{ Ref string } }
			ev.Data = &data
			if err := json.Unmarshal([]byte(h.Raw), &ev); err != nil {
				x.Error(err)
			}
			return data
		}
	}
	return data
}

func (x *live) says(room, text, more string) {
	x.Helper()
	x.alice.Send("<message to='%s@rooms.localhost' type='groupchat' id='%s'><body>%s</body>%s</message>", room, strings.ReplaceAll(text, " ", "-"), text, more)
	x.hears(room, "alice", text)
}

func (x *live) hears(room, nick, text string) {
	x.Helper()
	from := room + "@rooms.localhost/" + nick
	x.alice.Await(nick+" says "+text, func(r lab.Received) bool {
		return r.Kind == "message" && r.From == from && r.Type == "groupchat" && r.Body == text
	})
}

func (x *live) kicks(room, nick string) {
	x.Helper()
	x.alice.Send("<iq type='set' id='kick' to='%s@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='none'><reason>enough</reason></item></query></iq>", room, nick)
	x.alice.Await("the kick", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "kick" && r.Type == "result" })
}

// appears waits for the presence of an occupant from now on.
func (x *live) appears(room, nick string) {
	x.Helper()
	x.alice.Await(nick+" comes", func(r lab.Received) bool {
		return r.Kind == "presence" && r.Type == "" && r.From == room+"@rooms.localhost/"+nick
	})
}

const (
	toEcho    = `"to":"echo@event.localhost"`
	liveRooms = `
rooms:
  - {jid: live@rooms.localhost, from: echo@event.localhost, nick: Echo}
  - {jid: live@rooms.localhost, from: taken@event.localhost, nick: alice}
room_policy: {max_answers_per_minute: 3, leave_on_stop: false}
`
)

// What happens in a room while bots are in it.
func TestRoomsLive(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), liveRooms)
		x.room("live")
		x.launch()
		x.appears("live", "Echo")
		x.appears("live", "alice-2")
		x.event("room.joined", toEcho)
		x.event("room.joined", "taken@event.localhost")

		// Two bots that answer everything answer alice, and not each other.
		x.says("live", "one", "")
		x.hears("live", "Echo", "heard one")
		x.hears("live", "alice-2", "heard one")
		x.alice.Send("<message type='chat' id='behind' to='echo@event.localhost'><body>behind that</body></message>")
		x.alice.Await("what is behind it", func(r lab.Received) bool { return r.Body == "heard behind that" })
		if n := x.count("message.groupchat", `"body":"heard`); n != 0 {
			t.Errorf("%d words of bots are events", n)
		}
		// Where two bots are, one has to be named; and a room of the configuration is not left.
		x.call("GET", "/v1/rooms/live@rooms.localhost", "", 400, "from")
		x.call("DELETE", "/v1/rooms/live@rooms.localhost?from=echo@event.localhost", "", 409)
		// A bot can retract its own messages only.
		hers := x.event("message.groupchat", toEcho, `"body":"one"`)
		x.call("DELETE", "/v1/messages/"+hers.Ref, "", 403)
		x.call("PATCH", "/v1/messages/"+hers.Ref, `{"body":"two"}`, 403)

		// A mention without the nick in the text (XEP-0372).
		x.says("live", "no answer: who is it?", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='2' uri='xmpp:echo@event.localhost'/>")
		x.event(toEcho, `"body":"no answer: who is it?"`, `"mention":true`)
		x.event("taken@event.localhost", `"body":"no answer: who is it?"`, `"mention":false`)
		x.says("live", "no answer: and now?", "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='2' uri='xmpp:live@rooms.localhost/alice-2'/>")
		x.event("taken@event.localhost", `"body":"no answer: and now?"`, `"mention":true`)

		// A subject is an event; that of the bot comes back as its own.
		x.alice.Send("<message to='live@rooms.localhost' type='groupchat'><subject>her subject</subject></message>")
		x.event("room.subject", toEcho, "her subject")
		x.call("POST", "/v1/messages?wait=30s", `{"from":"echo@event.localhost","to":"live@rooms.localhost","type":"groupchat","subject":"our subject"}`, 200, `"state":"echoed"`)
		x.alice.Await("the bot's subject", func(r lab.Received) bool { return strings.Contains(r.Inner, "our subject") })
		x.call("GET", "/v1/rooms/live@rooms.localhost?from=echo@event.localhost", "", 200, `"subject":"our subject"`)

		// The wanted nick gets free.
		x.alice.Send("<presence to='live@rooms.localhost/boss'/>")
		x.alice.Await("the bot with the nick that it wants", func(r lab.Received) bool {
			return r.Kind == "presence" && r.Type == "" && r.From == "live@rooms.localhost/alice" && !strings.Contains(r.Inner, "110")
		})
		harness.Eventually(t, "the bot knows its nick", func() bool {
			r, err := x.p.Call("GET", "/v1/rooms/live@rooms.localhost?from=taken@event.localhost", "", "", "")
			return err == nil && strings.Contains(r.Body, `"nick":"alice"`)
		})

		// More answers than may be: the third is the last one.
		for _, text := range []string{"two", "three", "four", "five"} {
			x.alice.Send("<message to='live@rooms.localhost' type='groupchat' id='%s'><body>%[1]s</body></message>", text)
		}
		x.hears("live", "Echo", "heard three")
		x.event("room.muted", toEcho, `"jid":"live@rooms.localhost"`)
		x.event("message.groupchat", toEcho, `"body":"five"`)
		if n := x.count("room.muted", toEcho); n != 1 {
			t.Errorf("muted %d times", n)
		}

		// A stop that leaves no room: nobody sees the restart.
		joined := x.count("room.joined", toEcho)
		x.p.StopWell()
		x.launch()
		harness.Eventually(t, "joined again", func() bool { return x.count("room.joined", toEcho) > joined })
		x.alice.Send("<message to='live@rooms.localhost' type='groupchat' id='last'><body>no answer: last</body></message>")
		x.alice.Await("her own words", func(r lab.Received) bool {
			if r.Kind == "presence" && r.Type == "unavailable" && r.From == "live@rooms.localhost/Echo" {
				t.Errorf("the bot left: %s", r.Inner)
			}
			return r.Kind == "message" && r.Body == "no answer: last" && r.From == "live@rooms.localhost/boss"
		})
		x.event(toEcho, `"body":"no answer: last"`)
		if n := x.count(toEcho, "heard four"); n != 0 {
			t.Errorf("%d answers too many", n)
		}
		if n := x.count("room.occupant"); n != 0 {
			t.Errorf("%d events of occupants, which nobody wants", n)
		}
	})
}

// A bot that was kicked is out until somebody asks for it: DELETE and PUT put it in again.
func TestKickedRoomAgain(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "")
		x.room("again")
		x.launch()
		const path, put = "/v1/rooms/again@rooms.localhost", `{"from":"echo@event.localhost","nick":"Echo"}`
		x.call("PUT", path+"?wait=30s", put, 200, `"state":"joined"`)
		x.kicks("again", "Echo")
		x.event("room.left", toEcho, `"reason":"kicked"`, `"code":307`, `"text":"enough"`)
		x.call("GET", path, "", 200, `"state":"refused"`, "kicked: enough")
		x.call("DELETE", path, "", 204)
		x.call("GET", path, "", 404)
		x.call("PUT", path+"?wait=30s", put, 200, `"state":"joined"`)
		x.says("again", "no answer: welcome", "")
		x.event(toEcho, `"body":"no answer: welcome"`)
	})
}
