//go:build integration

package link

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// What a bot is asked in a room it answers to one occupant or as a reply, whatever its nick is;
// a reply to it is a mention; and it leaves when it is told.
func TestAnsweringInRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		o := harness.ServerOptions(kind, "event")
		x := newLive(t, roomsServer(t, o, "    modules_enabled = { \"muc_mam\" }\n", map[string]any{
			"modules": map[string]any{"mod_mam": map[string]any{}, "mod_muc": map[string]any{"default_room_options": map[string]any{"mam": true}}},
		}), "")
		x.edit("{name: bot,", "{name: bot, reply_in_rooms: reply,")
		x.bot.AnswerWith(func(h *harness.Hook) (int, string, string) {
			switch h.Body {
			case "secret?":
				return 200, "application/json", `{"body":"only you","private":true}`
			case "open?":
				return 200, "application/json", `{"body":"all of you"}`
			}
			return 204, "", ""
		})
		x.room("talk")
		x.launch()
		const path = "/v1/rooms/talk@rooms.localhost"

		// nicks as the server makes them
		x.call("PUT", path+"?wait=20s", `{"from":"echo@event.localhost","nick":"Ｅcho\u00a0Bot"}`, 200, `"nick":"Echo Bot"`, `"state":"joined"`)
		x.appears("talk", "Echo Bot")
		x.call("PUT", path+"?wait=20s", `{"from":"echo@event.localhost","nick":"Cafe\u0301"}`, 200, `"nick":"Café"`)
		x.appears("talk", "Café")
		x.call("PUT", path+"?wait=20s", `{"from":"echo@event.localhost","nick":"alice"}`, 200, `"nick":"Café"`)

		x.says("talk", "secret?", "")
		x.alice.Await("the private answer", func(r lab.Received) bool {
			return r.Kind == "message" && r.Type == "chat" && r.Body == "only you" && r.From == "talk@rooms.localhost/Café"
		})
		x.says("talk", "open?", "")
		ref := x.event(toEcho, `"body":"open?"`).Ref
		x.alice.Await("the answer as a reply", func(r lab.Received) bool {
			return r.Type == "groupchat" && strings.HasSuffix(r.Body, "all of you") && strings.Contains(r.Inner, "urn:xmpp:reply:0") && r.From == "talk@rooms.localhost/Café"
		})
		x.call("POST", "/v1/messages?wait=20s", `{"from":"echo@event.localhost","reply_to":"`+ref+`","body":"psst","private":true}`, 200)
		x.alice.Await("the private message", func(r lab.Received) bool { return r.Type == "chat" && r.Body == "psst" })

		var sent struct{ ID, Ref string }
		require.NoError(t, json.Unmarshal([]byte(x.call("POST", "/v1/messages?wait=20s", `{"from":"echo@event.localhost","to":"talk@rooms.localhost","body":"who?"}`, 200, `"state":"echoed"`)), &sent))
		roomID := ""
		x.alice.Await("what it asks", func(r lab.Received) bool {
			if r.Body != "who?" {
				return false
			}
			_, rest, _ := strings.Cut(r.Inner, "stanza-id")
			for _, quote := range []string{"'", `"`} {
				if _, after, ok := strings.Cut(rest, " id="+quote); ok {
					roomID, _, _ = strings.Cut(after, quote)
				}
			}
			return true
		})
		if roomID == "" {
			t.Error("the room gave no id")
		}
		for word, id := range map[string]string{"me": roomID, "I": sent.ID} {
			x.says("talk", word, "<reply xmlns='urn:xmpp:reply:0' id='"+id+"'/>")
			x.event(toEcho, `"body":"`+word+`"`, `"mention":true`)
		}
		x.says("talk", "nobody", "<reply xmlns='urn:xmpp:reply:0' id='other'/>")
		x.event(toEcho, `"body":"nobody"`, `"mention":false`)
		x.says("talk", "somebody", "<mention xmlns='urn:xmpp:mentions:0' jid='echo@event.localhost'/>")
		x.event(toEcho, `"body":"somebody"`, `"mention":true`)

		x.call("DELETE", path, "", 204)
		x.event("room.left", toEcho, `"reason":"left"`)
		if n := x.count("room.left"); n != 1 {
			t.Errorf("it left %d times", n)
		}
	})
}
