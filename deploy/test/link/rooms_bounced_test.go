//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What is nearly as large as a request may be comes back where nobody is there to read it, or the bot has
// no voice: who waits is told why, who does not finds it in the state of the message; the
// connection lives. In a room that lets the bot speak, all have it. ejabberd sends all of the
// message back, and both servers write quotation marks in it with six bytes.
func TestLargeBounces(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		o := harness.ServerOptions(kind, "event")
		o.MaxStanzaBytes = 2 << 20
		x := newLive(t, roomsServer(t, o, "", nil), "")
		x.roomWith("closed", "<field var='muc#roomconfig_moderatedroom'><value>1</value></field>")
		x.room("open")
		x.launch()
		for _, room := range []string{"closed", "open"} {
			x.call("PUT", "/v1/rooms/"+room+"@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","nick":"Echo"}`, 200, `"state":"joined"`)
		}
		x.admin("closed", "<item nick='Echo' role='visitor'/>")
		harness.Eventually(t, "the bot knows that it has no voice", func() bool {
			r, err := x.p.Call("GET", "/v1/rooms/closed@rooms.localhost", "", "", "")
			return err == nil && strings.Contains(r.Body, `"role":"visitor"`)
		})
		say := func(to, text string) string {
			return fmt.Sprintf(`{"from":"echo@event.localhost","to":%q,"body":"%s"}`, to, strings.ReplaceAll(text, `"`, `\"`))
		}
		bounced := map[string]string{"nobody@localhost": "service-unavailable", "closed@rooms.localhost": "forbidden"}
		for _, large := range []struct{ what, text string }{
			{"letters", strings.Repeat("x", 190_000)},
			{"quotation marks", strings.Repeat(`"`, 90_000)},
			{"brackets", strings.Repeat("<", 50_000)},
		} {
			for to, condition := range bounced {
				x.call("POST", "/v1/messages?wait=30s", say(to, large.text), 422, `"condition":"`+condition+`"`)
				var sent struct{ ID string }
				if err := json.Unmarshal([]byte(x.call("POST", "/v1/messages", say(to, large.text), 202)), &sent); err != nil {
					t.Fatal(err)
				}
				harness.Eventually(t, fmt.Sprintf("%s to %s have come back", large.what, to), func() bool {
					r, err := x.p.Call("GET", "/v1/messages/"+sent.ID, "", "", "")
					return err == nil && strings.Contains(r.Body, `"state":"bounced"`) && strings.Contains(r.Body, condition)
				})
			}
			x.call("POST", "/v1/messages?wait=30s&wait_for=echoed", say("open@rooms.localhost", large.text), 200, `"state":"echoed"`)
			x.hears("open", "Echo", large.text)
		}
		x.says("open", "no answer: are you there?", "")
		x.event(toEcho, `"body":"no answer: are you there?"`)
		if n := x.p.Connects(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}
