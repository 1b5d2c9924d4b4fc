//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/v1"
)

// A bot of 150 rooms: ejabberd lets it be in 100 by default, and Prosody keeps 100 in memory.
// Status and check say so, and what to write at the server.
func TestManyRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const many, most = 150, 100
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "", nil)
		var list strings.Builder
		list.WriteString("\nrooms:\n")
		for i := range many - 1 {
			fmt.Fprintf(&list, "  - {jid: many%d@rooms.localhost, from: echo@event.localhost, create: true}\n", i)
		}
		x := launchSaid(t, s, list.String(), "last@rooms.localhost")
		in := map[lab.Kind]int{lab.Prosody: many, lab.Ejabberd: most}[kind]
		counts := func(all int) {
			t.Helper()
			var last v1.RoomCounts
			t.Cleanup(func() { t.Logf("the rooms at last: %+v", last) })
			harness.Eventually(t, "what can be joined is joined", func() bool {
				st, _ := x.rooms()
				last = st.Rooms
				return last == v1.RoomCounts{Joined: min(in, all), Waiting: max(0, all-in)}
			})
		}
		counts(many - 1)
		x.step("a program: PUT of the last room")
		x.call("PUT", "/v1/rooms/last@rooms.localhost", `{"from":"echo@event.localhost","nick":"Echo","create":true}`, 202)
		harness.Eventually(t, "an answer of the last room", func() bool {
			r, err := x.Call("GET", "/v1/rooms/last@rooms.localhost", "token-all", "", "")
			return err == nil && (strings.Contains(r.Body, `"joined"`) || strings.Contains(r.Body, `"resource-constraint"`))
		})
		x.call("GET", "/v1/rooms/last@rooms.localhost", "", 200)
		x.step("")
		counts(many)
		service := x.services()
		if !*service.Answers || service.JID != "rooms.localhost" || service.Rooms == nil || len(service.Features) == 0 {
			t.Errorf("%+v", service)
		}
		if kind == lab.Prosody {
			if !strings.Contains(advice(service), `muc_room_cache_size = 2000 in Component "rooms.localhost" "muc"`) || *service.Software != "Prosody" {
				t.Errorf("%+v", service)
			}
			x.advised(service)
			x.said.Compare("rooms-many", kind, *update)
			x.check(`ok rooms rooms.localhost Prosody answers IQs; 150 rooms of bots: 150 joined`, "muc_room_cache_size = 2000", "ok rooms rooms.localhost bots can make rooms")
			return
		}
		if !strings.Contains(advice(service), "max_user_conferences: 2000") || service.Limits["rooms_of_a_bot"] != most || *service.Software != "ejabberd" {
			t.Errorf("%+v %s", service, advice(service))
		}
		harness.Eventually(t, "the rooms that wait have been refused once", func() bool {
			var rooms struct {
				Items []struct{ State, Condition string }
			}
			if err := json.Unmarshal([]byte(x.call("GET", "/v1/rooms", "", 200)), &rooms); err != nil || len(rooms.Items) != many {
				t.Fatalf("%d rooms: %v", len(rooms.Items), err)
			}
			waiting := 0
			for _, r := range rooms.Items {
				if r.State == "waiting" && r.Condition == "resource-constraint" {
					waiting++
				}
			}
			return waiting == many-most
		})
		x.advised(service)
		x.said.Compare("rooms-many", kind, *update)
		x.check("warn rooms rooms.localhost a bot can be in 100 rooms, and the others wait", "max_user_conferences: 2000")
		harness.Eventually(t, "none of those that wait is being tried", func() bool { // each is, now and then
			_, out, _ := x.runs("status")
			return strings.Contains(out, "rooms.localhost rooms ejabberd yes 100 joined, 0 joining, 50 waiting, 0 refused")
		})
		x.shows([]string{"status"}, "localhost server ejabberd yes", "rooms.localhost: a bot can be in 100 rooms")
	})
}

// A service that lets only local users make rooms: where the bot would have to, it is refused
// with the server's reason, and where not, the room does not exist. Status and check have the
// lines for the server.
func TestMakingRoomsDenied(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "\trestrict_room_creation = \"local\"\n", map[string]any{
			"acl":          map[string]any{"local": map[string]any{"server": "localhost"}},
			"access_rules": map[string]any{"muc_create": map[string]any{"allow": "local"}},
			"modules":      map[string]any{"mod_muc": map[string]any{"access_create": "muc_create"}},
		})
		x := launchSaid(t, s, "\nrooms:\n  - {jid: made@rooms.localhost, from: echo@event.localhost, create: true}\n", "new@rooms.localhost")
		condition, line := map[lab.Kind]string{lab.Prosody: "not-allowed", lab.Ejabberd: "forbidden"}[kind], map[lab.Kind]string{lab.Prosody: "restrict_room_creation = false", lab.Ejabberd: "access_create"}[kind]
		x.step("a program: PUT, to make the room")
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","create":true}`, 422, `"condition":"`+condition+`"`, "creation", "the bot may not create rooms at this service")
		x.step("a program: PUT, not to make it")
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost"}`, 422, `"condition":"item-not-found"`, "the room does not exist")
		x.step("")
		harness.Eventually(t, "the configured room is refused", func() bool {
			st, _ := x.rooms()
			return st.Rooms.Refused == 1
		})
		service := x.services()
		if !strings.Contains(advice(service), line) {
			t.Errorf("%s", advice(service))
		}
		x.advised(service)
		x.said.Compare("rooms-denied", kind, *update)
		x.check("warn rooms rooms.localhost bots cannot make rooms", line, "rooms have no archive")
	})
}
