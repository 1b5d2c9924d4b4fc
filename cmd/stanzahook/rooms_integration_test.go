//go:build integration

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"stanzahook/deploy/lab"
)

// withRooms adds a service for rooms (XEP-0045), rooms.localhost, to a server.
func withRooms(o lab.Options) lab.Options {
	o.Edit = func(config []byte) ([]byte, error) {
		if o.Kind == lab.Prosody {
			return append(config, "\nComponent \"rooms.localhost\" \"muc\"\n"...), nil
		}
		var whole map[string]any
		if err := yaml.Unmarshal(config, &whole); err != nil {
			return nil, err
		}
		return yaml.Marshal(joinYAML(whole, map[string]any{"modules": map[string]any{"mod_muc": map[string]any{"host": "rooms.localhost"}}}))
	}
	return o
}

// Two bots join a room by the API, hear what is said there, and one of them answers:
// the other one hears that too, and the first one does not answer itself.
func TestRooms(t *testing.T) {
	onServers(t, func(t *testing.T, kind lab.Kind) {
		s := startServer(t, withRooms(labOptions(kind, "event")))
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			if h.Body == "" || strings.HasPrefix(h.To, "listener@") {
				return 204, "", ""
			}
			return 200, "text/plain", "heard " + h.Body
		})
		p := linked(t, oneComponent(s, "event", b))
		alice := login(t, s, "alice")
		alice.send("<presence to='lounge@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		alice.next("her own presence in the room", func(r lab.Received) bool {
			return r.Kind == "presence" && strings.HasSuffix(r.From, "/alice") && strings.Contains(r.Inner, "110")
		})
		alice.send("<iq type='set' id='open' to='lounge@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		alice.next("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
		for _, name := range []string{"echo", "listener"} {
			r, err := p.call("POST", "/v1/presence", "token-all", asJSON, fmt.Sprintf(`{"from":"%s@event.localhost","to":"lounge@rooms.localhost/the %[1]s","muc":{"history":{"maxstanzas":0}}}`, name))
			if err != nil || r.status != 202 {
				t.Fatalf("%+v %v", r, err)
			}
			alice.next("the bot is in the room", func(r lab.Received) bool { return r.Kind == "presence" && strings.HasSuffix(r.From, "/the "+name) })
		}

		var want []string
		for _, text := range []string{"one", "two", "three"} {
			alice.send("<message to='lounge@rooms.localhost' type='groupchat' id='%s'><body>%s</body></message>", text, text)
			got := alice.next("the bot's answer", func(r lab.Received) bool { return r.Kind == "message" && strings.HasSuffix(r.From, "/the echo") })
			if got.Body != "heard "+text || got.Type != "groupchat" {
				t.Errorf("%+v", got)
			}
			want = append(want, "echo: "+text, "listener: "+text, "listener: heard "+text)
		}
		// What the room gives back to its author was on the way before this.
		alice.send("<message to='echo@event.localhost' type='chat' id='four'><body>four</body></message>")
		alice.next("an answer out of the room", func(r lab.Received) bool { return r.Body == "heard four" })
		var heard []string
		eventually(t, "the listener has heard all", func() bool {
			heard = nil
			for _, h := range b.got() {
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
