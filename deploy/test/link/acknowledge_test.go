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

// People see by reactions what becomes of what they write: to the bot, and in a room where they
// mention it.
func TestAcknowledging(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newSending(t, kind, "{}, acknowledge: {received: 👀, done: ✅, failed: ❌}")
		await := func(of, from, emoji string) {
			s.alice.Await(emoji+" to "+of, func(r lab.Received) bool {
				return r.From == from && strings.Contains(r.Inner, "urn:xmpp:reactions:0") && strings.Contains(r.Inner, of) && strings.Contains(r.Inner, emoji)
			})
		}
		const echo = "echo@event.localhost"
		for _, m := range [][]string{{"c1", "hi", "👀", "✅"}, {"c2", "refuse", "👀", "❌"}} {
			s.alice.Send("<message type='chat' id='%s' to='%s'><body>%s</body></message>", m[0], echo, m[1])
			for _, emoji := range m[2:] {
				await(m[0], echo, emoji)
			}
		}
		s.room("lounge", "")
		s.call("POST", "/v1/messages?join=1&wait=30s", `{"from":"echo@event.localhost","to":"lounge@rooms.localhost","body":"let me in"}`, 200, `"state":"echoed"`)
		s.alice.Send("<message type='groupchat' id='r1' to='lounge@rooms.localhost'><body>nobody is meant</body></message>")
		s.alice.Send("<message type='groupchat' id='r2' to='lounge@rooms.localhost'><body>echo: hi</body></message>")
		var ids []string // that the room gave to alice's messages
		said := func(text string) {
			r := s.alice.Await(text, func(r lab.Received) bool {
				return r.From == "lounge@rooms.localhost/alice" && strings.Contains(r.Inner, text)
			})
			_, rest, ok := strings.Cut(r.Inner, "<stanza-id")
			if !ok {
				t.Fatal(r.Inner)
			}
			_, rest, _ = strings.Cut(rest, " id=")
			ids = append(ids, rest[1:strings.IndexByte(rest[1:], rest[0])+1])
		}
		said("nobody is meant")
		said("echo: hi")
		reacted := func(emoji string) {
			s.alice.Await(emoji+" in the room", func(r lab.Received) bool {
				if r.From != "lounge@rooms.localhost/echo" || !strings.Contains(r.Inner, "urn:xmpp:reactions:0") {
					return false
				}
				if i := slices.IndexFunc(ids, func(id string) bool { return strings.Contains(r.Inner, id) }); i != 1 {
					t.Errorf("a reaction to message %d: %s", i, r.Inner)
				}
				return strings.Contains(r.Inner, emoji)
			})
		}
		reacted("👀")
		reacted("✅")
	})
}

// A bot that is away from its room when its webhook has done the work: the reaction for that, and
// the answer, come when it is back.
func TestAcknowledgingAway(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newSending(t, kind, "{}, acknowledge: {received: 👀, done: ✅, failed: ❌}")
		s.room("lounge", "")
		s.call("PUT", "/v1/rooms/lounge@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","nick":"echo"}`, 200, `"state":"joined"`)
		harness.Eventually(t, "the room is known to give messages ids", func() bool {
			return strings.Contains(s.p.Get("/v1/rooms/lounge@rooms.localhost").Body, `"ids":true`)
		})
		await := func(what string) {
			t.Helper()
			s.alice.Await(what, func(r lab.Received) bool {
				return r.Type == "groupchat" && r.From == "lounge@rooms.localhost/echo" && strings.Contains(r.Inner, what)
			})
		}
		s.alice.Send("<message type='groupchat' id='h' to='lounge@rooms.localhost'><body>echo: held</body></message>")
		await("👀")
		before := delivered(t, s.p)
		s.relay.Shut.Store(true)
		s.relay.Cut()
		harness.Eventually(t, "the link is down", func() bool { return s.p.Get("/readyz").Status == 503 })
		close(s.held)
		harness.Eventually(t, "the work is done", func() bool { return delivered(t, s.p) > before })
		s.relay.Shut.Store(false)
		await("answer to echo: held")
		await("✅")
	})
}

// delivered counts the attempts that an endpoint has accepted.
func delivered(t *testing.T, p *harness.Program) (n float64) {
	t.Helper()
	for line := range strings.Lines(p.Get("/metrics").Body) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, "stanzahook_endpoint_attempts_total{") && strings.Contains(name, `outcome="success"`) {
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return n
}
