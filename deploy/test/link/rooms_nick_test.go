//go:build integration

package link

import (
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A bot that gets its nick when it is the last one in the room is in it, also where the server has
// destroyed the room for that, as Prosody 0.12 does with one that does not stay.
func TestNickOfTheLastOne(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event"))), "")
		x.launch()
		const room, says = "/v1/rooms/solo@rooms.localhost", `{"to":"solo@rooms.localhost","from":"echo@event.localhost","type":"groupchat","body":"still here"}`
		x.call("PUT", room+"?wait=10s", `{"from":"echo@event.localhost","nick":"Echo","create":true}`, 200, `"nick":"Echo"`)
		x.alice.Send("<presence to='solo@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		x.appears("solo", "alice")
		x.call("PUT", room+"?wait=10s", `{"from":"echo@event.localhost","nick":"alice","create":true}`, 200, `"nick":"Echo"`)
		x.call("PUT", room+"/roles/alice", `{"role":"none"}`, 200)
		harness.Eventually(t, "the bot has the nick, and is in the room", func() bool {
			r, err := x.p.Call("POST", "/v1/messages?wait=10s", "", harness.AsJSON, says)
			return err == nil && r.Status == 200
		})
		x.call("GET", room, "", 200, `"nick":"alice"`, `"state":"joined"`)
		x.call("PUT", room+"?wait=10s", `{"from":"echo@event.localhost","nick":"Robot","create":true}`, 200)
		harness.Eventually(t, "it has another one", func() bool {
			r, err := x.p.Call("POST", "/v1/messages?wait=10s", "", harness.AsJSON, says)
			return err == nil && r.Status == 200
		})
		x.call("GET", room, "", 200, `"nick":"Robot"`, `"state":"joined"`)
	})
}
