//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// A bot that may come again after a kick waits for a minute, then does, and hears what was said
// meanwhile. In full size: three times an hour, and not a fourth time.
func TestComesAgainAfterAKick(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const path, pause = "/v1/rooms/kicked@rooms.localhost", time.Minute
		x := newLive(t, roomsServer(t, harness.ServerOptions(kind, "event"), "", nil), "rooms: [{jid: kicked@rooms.localhost, from: echo@event.localhost, nick: Echo, rejoin: true}]\n")
		x.room("kicked")
		x.launch()
		x.event("room.joined", toEcho)
		times := 1
		if harness.FullFaults() {
			times = 3
		}
		for i := 1; i <= times; i++ {
			x.kicks("kicked", "Echo")
			harness.Eventually(t, "the bot knows that it was kicked", func() bool { return x.count("room.left", toEcho, `"code":307`, `"text":"enough"`) == i })
			var room struct {
				State       string
				Since       time.Time
				NextAttempt time.Time `json:"next_attempt"`
			}
			if err := json.Unmarshal([]byte(x.call("GET", path, "", 200, "kicked: enough")), &room); err != nil || room.State != "waiting" || !room.NextAttempt.Equal(room.Since.Add(pause)) {
				t.Fatalf("%+v %v", room, err)
			}
			text := fmt.Sprint("no answer: without you ", i)
			x.says("kicked", text, "")
			harness.Await(t, "the bot is in again", pause+harness.Patience, func() bool { return x.count("room.joined", toEcho) == i+1 })
			x.event(toEcho, `"body":"`+text+`"`, `"missed":true`)
		}
		if times == 1 {
			return
		}
		x.kicks("kicked", "Echo")
		harness.Eventually(t, "the bot does not come again", func() bool {
			r, err := x.p.Call("GET", path, "", "", "")
			return err == nil && strings.Contains(r.Body, `"state":"refused"`)
		})
	})
}
