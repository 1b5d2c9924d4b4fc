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
		for i := range many {
			fmt.Fprintf(&list, "  - {jid: many%d@rooms.localhost, from: echo@event.localhost, create: true}\n", i)
		}
		x := launchInRooms(t, s, list.String())
		in := map[lab.Kind]int{lab.Prosody: many, lab.Ejabberd: most}[kind]
		var last v1.RoomCounts
		t.Cleanup(func() { t.Logf("the rooms at last: %+v", last) })
		harness.Eventually(t, "what can be joined is joined", func() bool {
			st, _ := x.rooms()
			last = st.Rooms
			return last == v1.RoomCounts{Joined: in, Waiting: many - in}
		})
		service := x.services()
		if !*service.Answers || service.JID != "rooms.localhost" || service.Rooms == nil || len(service.Features) == 0 {
			t.Errorf("%+v", service)
		}
		if kind == lab.Prosody {
			if !strings.Contains(advice(service), `muc_room_cache_size = 2000 in Component "rooms.localhost" "muc"`) || *service.Software != "Prosody" {
				t.Errorf("%+v", service)
			}
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
		x.check("warn rooms rooms.localhost a bot can be in 100 rooms, and the others wait", "max_user_conferences: 2000")
		x.shows([]string{"status"}, "rooms.localhost rooms ejabberd yes 100 joined, 0 joining, 50 waiting, 0 refused", "localhost server ejabberd yes", "rooms.localhost: a bot can be in 100 rooms")
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
		x := launchInRooms(t, s, "\nrooms:\n  - {jid: made@rooms.localhost, from: echo@event.localhost, create: true}\n")
		condition, line := map[lab.Kind]string{lab.Prosody: "not-allowed", lab.Ejabberd: "forbidden"}[kind], map[lab.Kind]string{lab.Prosody: "restrict_room_creation = false", lab.Ejabberd: "access_create"}[kind]
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","create":true}`, 422, `"condition":"`+condition+`"`, "creation")
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost"}`, 422, `"condition":"item-not-found"`, "the room does not exist")
		harness.Eventually(t, "the configured room is refused", func() bool {
			st, _ := x.rooms()
			return st.Rooms.Refused == 1
		})
		if service := x.services(); !strings.Contains(advice(service), line) {
			t.Errorf("%s", advice(service))
		}
		x.check("warn rooms rooms.localhost bots cannot make rooms", line, "rooms have no archive")
	})
}
