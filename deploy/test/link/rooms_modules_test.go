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

// A kept room works for the formats of the modules as for events: each gets its messages as
// mod_rest gives them, from room/nick to the bot, and POST /rest speaks in it.
func TestRoomsOfModules(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "", nil)
		for _, format := range []string{"rest-json", "rest-xml"} {
			t.Run(format, func(t *testing.T) {
				room, nick := strings.TrimPrefix(format, "rest-")+"@rooms.localhost", "alice-"+format
				x := inRooms{T: t, bot: harness.NewBot(t)}
				x.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
					if !strings.Contains(h.Raw, "say something") {
						return 204, "", ""
					}
					if format == "rest-json" {
						return 200, "application/json", `{"type":"groupchat","body":"as you wish"}`
					}
					return 200, "application/xmpp+xml", `<message type="groupchat"><body>as you wish</body></message>`
				})
				c := harness.OneComponent(s, "event", x.bot)
				c.Endpoints[0].Format = format
				c.More = fmt.Sprintf("rooms:\n  - {jid: %s, from: echo@event.localhost, nick: Echo, create: true}\n", room)
				x.file = c.Write(t, t.TempDir())
				x.Program = harness.LaunchFile(t, x.file)
				x.call("PUT", "/v1/rooms/"+room+"?wait=30s", `{"nick":"Echo"}`, 200, `"state":"joined"`)
				alice := harness.Login(t, s, "alice")
				alice.Send("<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room, nick)
				alice.Await("her own presence in the room", func(r lab.Received) bool {
					return r.Kind == "presence" && strings.HasSuffix(r.From, "/"+nick) && strings.Contains(r.Inner, "110")
				})
				alice.Send("<message to='%s' type='groupchat' id='g1'><body>say something</body></message>", room)
				alice.Await("the answer of the webhook", func(r lab.Received) bool {
					return r.Body == "as you wish" && r.Type == "groupchat" && r.From == room+"/Echo"
				})
				requests := func() []harness.Hook { // without the probe of what the bot understands
					return slices.DeleteFunc(x.bot.Got(), func(h harness.Hook) bool { return h.ID == "" })
				}
				got := requests()
				if len(got) != 1 {
					t.Fatalf("%d requests: %+v", len(got), got)
				}
				parts := []string{`"kind":"message"`, `"type":"groupchat"`, `"from":"` + room + "/" + nick + `"`, `"to":"echo@event.localhost"`, `"body":"say something"`, `"id":"g1"`}
				if format == "rest-xml" {
					parts = []string{"<message ", "groupchat", room + "/" + nick, "echo@event.localhost", "<body>say something</body>", "g1"}
				}
				for _, part := range parts {
					if !strings.Contains(got[0].Raw, part) {
						t.Errorf("the request has no %s: %s", part, got[0].Raw)
					}
				}
				if strings.Contains(got[0].Raw, "urn:stanzahook") {
					t.Errorf("the request has more than the stanza: %s", got[0].Raw)
				}
				x.call("POST", "/rest", `{"kind":"message","type":"groupchat","from":"echo@event.localhost","to":"`+room+`","body":"by rest"}`, 202)
				alice.Await("what /rest said", func(r lab.Received) bool {
					return r.Body == "by rest" && r.Type == "groupchat" && r.From == room+"/Echo"
				})
				if n := len(requests()); n != 1 {
					t.Errorf("own words are requests: %d", n)
				}
				x.StopWell()
			})
		}
	})
}
