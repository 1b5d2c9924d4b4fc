//go:build integration

package link

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// tokenOf is the token "token-NAME" of a configuration.
func tokenOf(name string) string {
	return fmt.Sprintf(`{name: %s, hash: "sha256:%x", scopes: [send, rooms]}`, name, sha256.Sum256([]byte("token-"+name)))
}

// A caller who joins all rooms that it may leaves places to others; where there are no more, the
// answer says so, nothing is joined, and a place that gets free can be taken.
func TestPlacesInRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "room_policy: {max_rooms: 4}\n")
		x.edit("insecure_no_auth: true", "tokens: ["+tokenOf("one")+", "+tokenOf("other")+", "+tokenOf("third")+"]")
		for i := range 6 {
			x.room(fmt.Sprint("r", i))
		}
		x.launch()
		call := func(token, method string, room, status int, parts ...string) {
			t.Helper()
			body := ""
			if method == "PUT" {
				body = `{"from":"echo@event.localhost","nick":"Echo"}`
			}
			r, err := x.p.Call(method, fmt.Sprintf("/v1/rooms/r%d@rooms.localhost?%s", room, map[bool]string{true: "wait=30s"}[method == "PUT"]), token, harness.AsJSON, body)
			if err != nil || r.Status != status || !hasAll(r.Body, parts) {
				t.Errorf("%s of r%d: %d %s %v, want %d %q", method, room, r.Status, r.Body, err, status, parts)
			}
		}
		call("token-one", "PUT", 0, 200)
		call("token-one", "PUT", 1, 200)
		call("token-one", "PUT", 2, 507, "its share of the rooms")
		call("token-other", "PUT", 2, 200)
		call("token-other", "PUT", 3, 507, "its share of the rooms")
		join, err := x.p.Call("POST", "/v1/messages?join=1&wait=30s", "token-one", harness.AsJSON, `{"from":"echo@event.localhost","to":"r3@rooms.localhost","body":"let me in"}`)
		if err != nil || join.Status != 507 {
			t.Errorf("%+v %v", join, err)
		}
		call("token-one", "GET", 3, 404)
		call("token-one", "PUT", 0, 200) // it is there
		call("token-one", "DELETE", 1, 204)
		call("token-other", "PUT", 3, 200)
		x.p.Kill() // what was left does not come back
		x.launch()
		harness.Eventually(t, "all are joined again", func() bool {
			r, err := x.p.Call("GET", "/v1/rooms", "token-one", "", "")
			var rooms struct{ Items []struct{ State string } }
			return err == nil && json.Unmarshal([]byte(r.Body), &rooms) == nil && len(rooms.Items) == 3 && strings.Count(r.Body, `"joined"`) == 3
		})
		call("token-one", "PUT", 4, 507, "its share of the rooms") // what it has counts after the restart
		call("token-third", "PUT", 4, 200)
		call("token-third", "PUT", 5, 507, "max_rooms allows")
		if text := x.p.Get("/metrics").Body; !strings.Contains(text, `stanzahook_room_places_refused_total{reason="share"} 1`) || !strings.Contains(text, `stanzahook_room_places_refused_total{reason="full"} 1`) {
			t.Error("the metrics do not count them")
		}
	})
}
