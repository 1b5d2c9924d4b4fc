//go:build integration

package link

import (
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A bot makes a room by the API and works in it: each route does what it says, on both servers.
func TestRoomsByAPI(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		b := harness.NewBot(t)
		b.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
		p := harness.LaunchFile(t, harness.OneComponent(s, "event", b).Write(t, t.TempDir()))
		const path = "/v1/rooms/api@rooms.localhost"
		call := func(method, path, body string, status int, parts ...string) {
			t.Helper()
			r, err := p.Call(method, path, "token-all", harness.AsJSON, body)
			if err != nil || r.Status != status {
				t.Errorf("%s %s: %d %s %v, want %d", method, path, r.Status, r.Body, err, status)
			}
			for _, part := range parts {
				if !strings.Contains(r.Body, part) {
					t.Errorf("%s %s: %s has no %s", method, path, r.Body, part)
				}
			}
		}
		// Another room: ejabberd makes it for the join, and for a moment behind the leave loses
		// what comes for it.
		const none = "/v1/rooms/none@rooms.localhost"
		call("PUT", none+"?wait=20s", `{"from":"echo@event.localhost","nick":"Echo"}`, 422, `"condition":"item-not-found"`, `"kept":false`)
		call("GET", none, "", 404)
		call("PUT", path+"?wait=20s", `{"from":"echo@event.localhost","nick":"Echo","create":true,"config":{"roomname":"By API"}}`, 200, `"state":"joined"`, `"affiliation":"owner"`)
		alice := harness.Login(t, s, "alice")
		alice.Send("<presence to='api@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		alice.Await("her own presence in the room", func(r lab.Received) bool {
			return r.Kind == "presence" && strings.HasSuffix(r.From, "/alice") && strings.Contains(r.Inner, "110")
		})
		harness.Eventually(t, "alice is an occupant", func() bool {
			r, err := p.Call("GET", path+"/occupants", "token-all", "", "")
			return err == nil && strings.Contains(r.Body, `"nick":"alice"`) && strings.Contains(r.Body, "alice@localhost/")
		})
		call("GET", path+"/config", "", 200, `"muc#roomconfig_roomname":"By API"`)
		call("PATCH", path+"/config", `{"roomname":"Changed","moderatedroom":true}`, 200, `"muc#roomconfig_roomname":"Changed"`, `"muc#roomconfig_moderatedroom":"1"`)
		call("PATCH", path+"/config", `{"colour":"red"}`, 400, "colour")
		call("GET", path+"/history", "", 501, "no archive")
		call("PUT", path+"/roles/alice", `{"role":"visitor"}`, 200)
		call("PUT", path+"/affiliations/alice@localhost", `{"affiliation":"member"}`, 200)
		call("PUT", path+"/roles/nobody", `{"role":"none"}`, 422, `"condition"`)
		call("POST", "/v1/messages", `{"from":"echo@event.localhost","to":"api@rooms.localhost","body":"to all"}`, 202)
		alice.Await("what the bot says", func(r lab.Received) bool { return r.Body == "to all" && r.Type == "groupchat" })
		call("POST", path+"/invite", `{"jid":"alice@localhost","reason":"come"}`, 202)
		alice.Await("the invitation", func(r lab.Received) bool { return strings.Contains(r.Inner, "jabber:x:conference") })
		call("PUT", path+"/roles/alice", `{"role":"none","reason":"off topic"}`, 200)
		alice.Await("the kick", func(r lab.Received) bool {
			return r.Kind == "presence" && r.Type == "unavailable" && strings.Contains(r.Inner, "307") && strings.Contains(r.Inner, "off topic")
		})
		call("DELETE", path+"?destroy=1&reason=over", "", 204)
		call("GET", "/v1/rooms", "", 200, `{"items":[],"next":null}`)
	})
}
