//go:build integration

package link

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A room with more occupants than are known by nick says so, and works. The relay adds those to
// the room's own: with so many, a real room would send millions of presences to fill up. After a
// rejoin only those count that the room has.
func TestCrowdedRoom(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const most, crowd = 5000, 5100
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "rooms: [{jid: crowd@rooms.localhost, from: echo@event.localhost, nick: Echo}]\n")
		x.room("crowd")
		x.launch()
		x.event("room.joined", toEcho)
		var all strings.Builder
		for i := range crowd {
			fmt.Fprintf(&all, "<presence from='crowd@rooms.localhost/n%d' to='echo@event.localhost/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>", i)
		}
		const crowded = "no answer: it is crowded"
		var added atomic.Bool
		x.relay.Edit(func(d harness.Direction, piece []byte) []byte {
			before, after, ok := bytes.Cut(piece, []byte(crowded))
			if d == harness.ToServer || !ok || added.Swap(true) {
				return piece
			}
			at := bytes.LastIndex(before, []byte("<message")) // a server may write other stanzas with it
			return slices.Concat(before[:at], []byte(all.String()), before[at:], []byte(crowded), after)
		})
		const path = "/v1/rooms/crowd@rooms.localhost"
		occupants := func() int {
			t.Helper()
			var list struct{ Items []struct{ Nick string } }
			if err := json.Unmarshal([]byte(x.call("GET", path+"/occupants", "", 200)), &list); err != nil {
				t.Fatal(err)
			}
			return len(list.Items)
		}
		x.call("GET", path, "", 200, `"occupants":2,"occupants_cut":false`)
		x.says("crowd", crowded, "")
		x.event(toEcho, `"body":"`+crowded+`"`, `"nick":"alice"`, `"affiliation":"owner"`)
		x.call("GET", path, "", 200, fmt.Sprintf(`"occupants":%d,"occupants_cut":true`, crowd+2))
		if n := occupants(); n != most {
			t.Errorf("%d are known", n)
		}
		joined := x.count("room.joined", toEcho)
		x.relay.Cut()
		harness.Eventually(t, "joined again", func() bool { return x.count("room.joined", toEcho) > joined })
		x.call("GET", path, "", 200, `"occupants":2,"occupants_cut":false`)
		if n := occupants(); n != 2 {
			t.Errorf("%d are known after the rejoin", n)
		}
	})
}
