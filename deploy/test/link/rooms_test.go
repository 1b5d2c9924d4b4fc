//go:build integration

package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// Two bots join a room by the API, hear what is said there, and one of them answers:
// the other one hears that too, and the first one does not answer itself.
func TestRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if h.Body == "" || strings.HasPrefix(h.To, "listener@") {
				return 204, "", ""
			}
			return 200, "text/plain", "heard " + h.Body
		})
		p := harness.LaunchConnected(t, harness.OneComponent(s, "event", b))
		alice := harness.Login(t, s, "alice")
		alice.Send("<presence to='lounge@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		alice.Await("her own presence in the room", func(r lab.Received) bool {
			return r.Kind == "presence" && strings.HasSuffix(r.From, "/alice") && strings.Contains(r.Inner, "110")
		})
		alice.Send("<iq type='set' id='open' to='lounge@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		alice.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
		for _, name := range []string{"echo", "listener"} {
			r, err := p.Call("POST", "/v1/presence", "token-all", harness.AsJSON, fmt.Sprintf(`{"from":"%s@event.localhost","to":"lounge@rooms.localhost/the %[1]s","muc":{"history":{"maxstanzas":0}}}`, name))
			if err != nil || r.Status != 202 {
				t.Fatalf("%+v %v", r, err)
			}
			alice.Await("the bot is in the room", func(r lab.Received) bool { return r.Kind == "presence" && strings.HasSuffix(r.From, "/the "+name) })
		}

		var want []string
		for _, text := range []string{"one", "two", "three"} {
			alice.Send("<message to='lounge@rooms.localhost' type='groupchat' id='%s'><body>%s</body></message>", text, text)
			got := alice.Await("the bot's answer", func(r lab.Received) bool { return r.Kind == "message" && strings.HasSuffix(r.From, "/the echo") })
			if got.Body != "heard "+text || got.Type != "groupchat" {
				t.Errorf("%+v", got)
			}
			want = append(want, "echo: "+text, "listener: "+text, "listener: heard "+text)
		}
		// What the room gives back to its author was on the way before this.
		alice.Send("<message to='echo@event.localhost' type='chat' id='four'><body>four</body></message>")
		alice.Await("an answer out of the room", func(r lab.Received) bool { return r.Body == "heard four" })
		var heard []string
		harness.Eventually(t, "the listener has heard all", func() bool {
			heard = nil
			for _, h := range b.Got() {
				if h.Type == "groupchat" && h.Body != "" {
					local, _, _ := strings.Cut(h.To, "@")
					heard = append(heard, local+": "+h.Body)
				}
			}
			return len(heard) >= len(want)
		})
		slices.Sort(heard)
		slices.Sort(want)
		if !slices.Equal(heard, want) {
			t.Errorf("heard: %q\nwant:  %q", heard, want)
		}
	})
}
