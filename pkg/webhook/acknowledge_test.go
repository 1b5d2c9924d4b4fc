package webhook_test

import (
	"testing"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// In a room a mention is acknowledged, and not that of another bot of ours.
func TestAcknowledgeInRooms(t *testing.T) {
	e := &webhook.Endpoint{Name: "e"}
	for _, kind := range []string{"groupchat", "chat"} {
		for _, c := range []struct {
			room webhook.Room
			want bool
		}{
			{webhook.Room{Mention: true}, true}, {webhook.Room{}, kind == "chat"},
			{webhook.Room{Mention: true, Bot: true}, false}, {webhook.Room{Mention: true, Own: true}, false},
		} {
			c.room.JID, c.room.Nick, c.room.OwnNick = "ops@rooms.example.com", "al", "echo"
			s := stanza.Must(stanza.Parse("<message type='"+kind+"' id='1' from='ops@rooms.example.com/al' to='echo@bot.example.com'><body>echo: hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='2' by='ops@rooms.example.com'/></message>", stanza.Limits{}))
			s, err := webhook.WithRoom(s, jid.MustParse("echo@bot.example.com"), &c.room)
			if err != nil {
				t.Fatal(err)
			}
			ev := &webhook.Event{ID: "evt_1", Component: "bot.example.com", Stanza: s, Facts: webhook.Facts{}}
			if kind == "groupchat" {
				ev.Facts.Ref = refOf(t, s)
			}
			if got := e.Acknowledgement(ev, "👀", "ack"); (got != nil) != c.want {
				t.Errorf("%s %+v: %v", kind, c.room, got)
			}
		}
	}
}

// refOf is the reference of a message in a room that gives messages ids.
func refOf(t *testing.T, s *stanza.Stanza) string {
	t.Helper()
	return message.InRoom(s, message.RoomIDs{StanzaIDs: true}).String()
}
