//go:build integration

package link

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const keptRooms = `
rooms:
  - jid: kept@rooms.localhost
    from: echo@event.localhost
    nick: Echo
  - jid: kept@rooms.localhost
    from: taken@event.localhost
    nick: alice
  - jid: made@rooms.localhost
    from: echo@event.localhost
    create: true
    config: {persistentroom: true, roomname: Made}
  - jid: nowhere@rooms.localhost
    from: echo@event.localhost
`

// stage is a room that alice has made, and a program whose bots are kept in it.
type stage struct {
	*testing.T
	server *lab.Server
	relay  *harness.Relay
	bot    *harness.Bot
	file   string
	p      *harness.Program
	alice  harness.User
}

func newStage(t *testing.T, kind lab.Kind) *stage {
	return newStageWith(t, kind, func(*harness.Hook) (int, string, string) { return 204, "", "" })
}

func newStageWith(t *testing.T, kind lab.Kind, answer func(*harness.Hook) (status int, contentType, body string)) *stage {
	s := &stage{T: t, server: harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event"))), bot: harness.NewBot(t)}
	s.bot.AnswerWith(answer)
	s.relay = harness.NewRelay(t, s.server.ComponentAddr())
	c := harness.OneComponent(s.server, "event", s.bot)
	c.Components[0].Server = s.relay.Addr()
	c.More = keptRooms
	s.file = c.Write(t, t.TempDir())
	s.login("alice")
	s.alice.Send("<iq type='set' id='open' to='kept@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
	s.alice.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
	s.p = harness.LaunchFile(t, s.file)
	return s
}

// login lets alice join the room.
func (s *stage) login(nick string) {
	s.alice = harness.Login(s.T, s.server, "alice")
	s.alice.Send("<presence to='kept@rooms.localhost/%s'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", nick)
	s.alice.Await("her own presence in the room", func(r lab.Received) bool {
		return r.Kind == "presence" && strings.HasSuffix(r.From, "/"+nick) && strings.Contains(r.Inner, "110")
	})
}

func (s *stage) says(id, text string) {
	s.Helper()
	s.alice.Send("<message to='kept@rooms.localhost' type='groupchat' id='%s'><body>%s</body></message>", id, text)
	s.alice.Await("her own words", func(r lab.Received) bool { return r.Kind == "message" && r.Body == text && r.Type == "groupchat" })
}

// event waits for the only event to echo@ from now on that has all parts.
func (s *stage) event(parts ...string) {
	s.Helper()
	harness.Eventually(s.T, fmt.Sprint("an event with ", parts), func() bool { return s.count(parts...) > 0 })
}

// count returns how many there are, by webhook-id.
func (s *stage) count(parts ...string) int {
	ids := make(map[string]bool)
	for _, h := range s.bot.Got() {
		has := strings.Contains(h.Raw, `"to":"echo@event.localhost"`) || strings.Contains(h.Raw, `"to":"taken@event.localhost"`)
		for _, p := range parts {
			has = has && strings.Contains(h.Raw, p)
		}
		if has {
			ids[h.ID] = true
		}
	}
	return len(ids)
}

// Bots of the configuration are in their rooms, with another nick where theirs is taken;
// what was said while they were away, for whatever reason, comes once.
func TestKeptRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const toEcho = `"to":"echo@event.localhost"`
		s := newStage(t, kind)
		s.event("room.joined", toEcho, `"jid":"kept@rooms.localhost","nick":"Echo"`)
		s.event("room.joined", "taken@event.localhost", `"nick":"alice-2"`)
		s.event("room.joined", toEcho, `"jid":"made@rooms.localhost"`, `"affiliation":"owner"`)
		harness.Eventually(t, "the room that is not there is refused", func() bool { return strings.Contains(s.p.Log.String(), "the room does not exist") })
		s.says("m1", "hello Echo")
		s.event(toEcho, `"body":"hello Echo"`, `"nick":"alice"`, `"affiliation":"owner"`, `"mention":true,"missed":false`)

		// sent by the API: the room's echo is no event, and says that all have it
		r, err := s.p.Call("POST", "/v1/messages?wait=30s&wait_for=echoed", "token-all", harness.AsJSON, `{"from":"echo@event.localhost","to":"kept@rooms.localhost","type":"groupchat","body":"by API"}`)
		if err != nil || r.Status != 200 || !strings.Contains(r.Body, `"echoed"`) {
			t.Errorf("%+v %v", r, err)
		}
		s.alice.Await("what the API sent", func(r lab.Received) bool { return r.Body == "by API" && strings.HasSuffix(r.From, "/Echo") })

		// killed
		s.p.Kill()
		s.says("m2", "while dead")
		s.p = harness.LaunchFile(t, s.file)
		s.event(toEcho, `"body":"while dead"`, `"missed":true`)

		// the link is cut while somebody speaks: on ejabberd the room keeps a ghost
		s.relay.Silence(true)
		s.relay.Cut()
		s.says("m3", "while cut")
		s.relay.Silence(false)
		s.event(toEcho, `"body":"while cut"`, `"missed":true`)
		s.says("m4", "back again")
		s.event(toEcho, `"body":"back again"`, `"missed":false`)

		// the server restarts
		joined := s.count("room.joined", toEcho, "kept@rooms.localhost")
		require.NoError(t, s.server.Stop(t.Context()))
		require.NoError(t, s.server.Restart(t.Context()))
		s.login("boss")
		s.alice.Await("the bot that has taken its nick back", func(r lab.Received) bool {
			return r.Kind == "presence" && r.Type == "" && strings.HasSuffix(r.From, "/alice")
		})
		harness.Eventually(t, "joined again", func() bool { return s.count("room.joined", toEcho, "kept@rooms.localhost") > joined })
		s.says("m5", "after the restart")
		s.event(toEcho, `"body":"after the restart"`)
		if n := s.count(`"body":"by API"`); n != 0 {
			t.Errorf("own words are %d events", n)
		}
		for _, text := range []string{"hello Echo", "while dead", "while cut", "back again", "after the restart"} {
			if n := s.count(toEcho, `"body":"`+text+`"`); n != 1 {
				t.Errorf("%q came %d times", text, n)
			}
		}

		// kicked: no rejoin
		s.alice.Send("<iq type='set' id='kick' to='kept@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='Echo' role='none'><reason>enough</reason></item></query></iq>")
		s.event("room.left", toEcho, `"reason":"kicked"`, `"code":307`, `"actor":"boss"`, `"text":"enough"`)
		s.p.StopWell()
		s.alice.Await("the other bot leaves", func(r lab.Received) bool {
			return r.Kind == "presence" && r.Type == "unavailable" && strings.HasSuffix(r.From, "/alice")
		})
	})
}

// A room that its owner destroys: the bot knows, and knows the other room; it does not come
// again.
func TestDestroyedRoom(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const toEcho = `"to":"echo@event.localhost"`
		s := newStage(t, kind)
		s.event("room.joined", toEcho, `"jid":"kept@rooms.localhost","nick":"Echo"`)
		s.event("room.joined", "taken@event.localhost")
		s.alice.Send("<iq type='set' id='end' to='kept@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='other@rooms.localhost'><reason>we have moved</reason></destroy></query></iq>")
		s.event("room.left", toEcho, `"jid":"kept@rooms.localhost"`, `"reason":"destroyed"`, `"alternative":"other@rooms.localhost"`, `"text":"we have moved"`)
		s.event("room.left", "taken@event.localhost", `"reason":"destroyed"`)
		r, err := s.p.Call("GET", "/v1/rooms/kept@rooms.localhost?from=echo@event.localhost", "token-all", "", "")
		if err != nil || !strings.Contains(r.Body, `"state":"refused"`) || !strings.Contains(r.Body, "destroyed: we have moved") {
			t.Errorf("%+v %v", r, err)
		}
		if n := s.count("room.joined", toEcho, "other@rooms.localhost"); n != 0 {
			t.Error("the other room was joined")
		}
	})
}
