package app

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/openapi/conform"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// The events of messages and of rooms, of all types, are as the document says, and have nothing
// in data that neither it names nor the guide does, as a key of mod_rest.
func TestEventsAreDescribed(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	event := c.Spec.Components.Schemas["Event"].Value
	var named []string
	for _, part := range []string{"Stanza", "MessageEvent", "RoomEvent"} {
		for name := range c.Spec.Components.Schemas[part].Value.Properties {
			named = append(named, name)
		}
	}
	list, err := json.Marshal(event.Properties["type"].Value.Examples)
	require.NoError(t, err)
	keys, err := os.ReadFile("../../../examples/guide/keys.md")
	require.NoError(t, err)
	check := func(want string, s *stanza.Stanza) {
		t.Helper()
		body, err := webhook.EncodeEvent(&webhook.Endpoint{Name: "bot"}, &webhook.Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: s})
		var v map[string]any
		if err == nil {
			err = json.Unmarshal(body, &v)
		}
		if err == nil {
			err = event.VisitJSON(v, openapi3.EnableJSONSchema2020())
		}
		if err != nil {
			t.Errorf("%s: %s: %v", want, body, err)
			return
		}
		if v["type"] != want || !strings.Contains(string(list), `"`+want+`"`) {
			t.Errorf("the type is %v, want %s, one of %s", v["type"], want, list)
		}
		for key := range v["data"].(map[string]any) {
			if !slices.Contains(named, key) && !strings.Contains(string(keys), "\n"+key+" ") {
				t.Errorf("%s: data has %q, which is not described: %s", want, key, body)
			}
		}
	}
	for want, inner := range map[string]string{
		"message.chat":       "<body>&gt; hi\nhello</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/><reply xmlns='urn:xmpp:reply:0' id='1' to='bot@bot.example.com'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='5'/></fallback>",
		"message.correction": "<body>hi</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
		"message.reaction":   "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>👍</reaction></reactions>",
		"message.retraction": "<retract xmlns='urn:xmpp:message-retract:1' id='1'/>",
		"message.marker":     "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
		"message.receipt":    "<received xmlns='urn:xmpp:receipts' id='1'/>",
		"message.typing":     "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
		"message.encrypted":  "<body>no</body><encrypted xmlns='eu.siacs.conversations.axolotl'/><encryption xmlns='urn:xmpp:eme:0' name='OMEMO' namespace='eu.siacs.conversations.axolotl'/>",
	} {
		check(want, stanza.Must(stanza.Parse("<message type='chat' id='2' from='u@example.com/r' to='bot@bot.example.com'>"+inner+"</message>", stanza.Limits{})))
	}
	room, bot := jid.MustParse("ops@rooms.example.com"), jid.MustParse("bot@bot.example.com")
	known := webhook.Room{JID: room.String(), Nick: "Alice", OccupantID: "o", RealJID: "alice@example.com", Affiliation: "owner", Role: "moderator", OwnNick: "Echo"}
	for want, r := range map[string]webhook.Room{
		"room.joined":   {Text: "a remark"},
		"room.left":     {Reason: "kicked", Code: 307, Actor: "Alice", Text: "enough", Alternative: "other@rooms.example.com"},
		"room.occupant": {Change: "nick", OldNick: "alice", Code: 303, Actor: "Boss", Text: "why"},
		"room.subject":  {Text: "a subject"},
		"room.config":   {Code: 104},
		"room.muted":    {},
		"room.invite":   {Inviter: "alice@example.com/phone", Reason: "come", Password: "letmein"},
	} {
		r.Type, r.JID, r.Nick = want, known.JID, known.Nick
		s, err := webhook.RoomEvent(room, bot, &r)
		require.NoError(t, err)
		check(want, s)
	}
	for want, typ := range map[string]string{"message.groupchat": "groupchat", "message.private": "chat"} {
		r := known
		if r.Mention, r.Missed = true, true; typ == "chat" {
			r.Type = want
		}
		s, err := webhook.WithRoom(stanza.Must(stanza.Parse("<message type='"+typ+"' id='3' from='ops@rooms.example.com/Alice' to='bot@bot.example.com/room'><body>Echo: hi</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T18:00:00Z'/></message>", stanza.Limits{})), bot, &r)
		require.NoError(t, err)
		check(want, s)
	}
}
