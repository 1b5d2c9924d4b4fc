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

// What is said into a room while its server restarts arrives behind the rejoin: each message
// once, in order, and none comes back; what is on disk when we are killed meanwhile, too.
func TestSaidWhileTheServerRestarts(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newStage(t, kind)
		s.event("room.joined", `"jid":"kept@rooms.localhost","nick":"Echo"`)
		n := 0
		say := func(from string) {
			t.Helper()
			n++
			body := fmt.Sprintf(`{"id":"w%d","from":"echo@event.localhost","to":"kept@rooms.localhost","body":"word %[1]d"}`, n)
			r, err := s.p.Call("POST", "/v1/messages", "token-all", harness.AsJSON, body)
			if err != nil || r.Status != 202 {
				t.Fatalf("%s: %+v %v", from, r, err)
			}
		}
		// a client that keeps only what the bot says, in its order
		var heard []string
		hears := func(last int) {
			t.Helper()
			for want := fmt.Sprintf("word %d", last); ; {
				var got string
				s.alice.Await(want, func(r lab.Received) bool {
					got = r.Body
					return r.Kind == "message" && r.Type == "groupchat" && strings.HasPrefix(r.Body, "word ") && strings.HasSuffix(r.From, "/Echo")
				})
				if got == "word 1" && len(heard) == 1 {
					continue
				}
				if heard = append(heard, got); got == want {
					return
				}
			}
		}
		say("in the room")
		hears(1)

		require.NoError(t, s.server.Stop(t.Context()))
		for range 8 {
			say("without a server")
		}
		s.p.Kill()
		s.p = harness.LaunchFile(t, s.file)
		for range 8 {
			say("after the kill")
		}
		require.NoError(t, s.server.Restart(t.Context()))
		// what the bot says before alice is there is in the history; Prosody's has also what was
		// said before the restart
		s.alice = harness.Login(t, s.server, "alice")
		s.alice.Send("<presence to='kept@rooms.localhost/boss'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='100'/></x></presence>")
		say("after the restart")
		hears(18)
		for i, got := range heard {
			if want := fmt.Sprintf("word %d", i+1); got != want {
				t.Fatalf("%d is %q in %q", i, got, heard)
			}
		}
		for i := 2; i <= n; i++ {
			path := fmt.Sprintf("/v1/messages/w%d", i)
			harness.Eventually(t, path+" is echoed", func() bool {
				r, err := s.p.Call("GET", path, "token-all", "", "")
				return err == nil && strings.Contains(r.Body, `"state":"echoed"`)
			})
		}
		if c := s.count("message.error"); c != 0 {
			t.Errorf("%d came back", c)
		}
	})
}
