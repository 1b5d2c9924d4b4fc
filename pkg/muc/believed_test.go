package muc_test

import (
	"strings"
	"testing"

	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

const claims = "<delay xmlns='urn:xmpp:delay' from='ops@rooms.example.com' stamp='2001-01-01T00:00:00Z'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='somebody'/>"

// What is live has no stamp, and an occupant-id only where the room sets it, whatever people write:
// that of the room may be the one that the message has.
func TestLiveMessagesAreBelieved(t *testing.T) {
	for _, c := range []struct {
		name, traits string
		ids          bool
	}{
		{"a room without occupant-ids", "", false},
		{"a room with occupant-ids", "<feature var='urn:xmpp:occupant-id:0'/>", true},
	} {
		r := newRoom(t, options(), muc.Mark{})
		r.Connected(began)
		r.Receive(began, parsed("%s", ownPresence))
		out := r.Receive(began, parsed("%s", noSubject))
		if len(out.Send) != 1 || out.Send[0].Kind != stanza.IQ {
			t.Fatalf("it does not ask what the room can do: %+v", out.Send)
		}
		r.Receive(began, parsed("<iq type='result' id='%s' from='ops@rooms.example.com' to='echo@bot.example.com/room'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", out.Send[0].ID, c.traits))
		for _, kind := range []string{"type='groupchat' from='ops@rooms.example.com/Alice'", "type='chat' from='ops@rooms.example.com/Alice'"} {
			out = r.Receive(began, parsed("<message id='1' to='echo@bot.example.com/room' %s><body>hi</body>%s<origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>", kind, claims))
			if len(out.Events) != 1 {
				t.Fatalf("%s: %+v", c.name, out)
			}
			xml := out.Events[0].Stanza.XML()
			if strings.Contains(xml, "delay") || strings.Contains(xml, "somebody") != c.ids || !strings.Contains(xml, "origin-id") || !strings.Contains(xml, "<body>hi</body>") {
				t.Errorf("%s: %s", c.name, xml)
			}
		}
	}
}

// Of stanza-ids that of the room alone is there, of a groupchat, where the room sets them: Prosody
// passes on what people write in its name where it has no archives, and all rooms the rest. The
// origin-id is the author's.
func TestStanzaIDsAreBelieved(t *testing.T) {
	const ids = "<stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='of the room'/><stanza-id xmlns='urn:xmpp:sid:0' by='echo@bot.example.com' id='of the bot'/>" +
		"<stanza-id xmlns='urn:xmpp:sid:0' id='of nobody'/><origin-id xmlns='urn:xmpp:sid:0' id='o'/>"
	for _, c := range []struct {
		name, traits, kind string
		counts             bool
	}{
		{"a room that sets none", "", "type='groupchat'", false},
		{"a room that sets them", "<feature var='urn:xmpp:sid:0'/>", "type='groupchat'", true},
		{"a private message there", "<feature var='urn:xmpp:sid:0'/>", "type='chat'", false},
	} {
		r := newRoom(t, options(), muc.Mark{})
		r.Connected(began)
		r.Receive(began, parsed("%s", ownPresence))
		out := r.Receive(began, parsed("%s", noSubject))
		r.Receive(began, parsed("<iq type='result' id='%s' from='ops@rooms.example.com' to='echo@bot.example.com/room'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", out.Send[0].ID, c.traits))
		out = r.Receive(began, parsed("<message id='1' to='echo@bot.example.com/room' from='ops@rooms.example.com/Alice' %s><body>hi</body>%s</message>", c.kind, ids))
		if len(out.Events) != 1 {
			t.Fatalf("%s: %+v", c.name, out)
		}
		xml := out.Events[0].Stanza.XML()
		if strings.Contains(xml, "of the room") != c.counts || strings.Contains(xml, "of the bot") || strings.Contains(xml, "of nobody") || !strings.Contains(xml, "<origin-id xmlns='urn:xmpp:sid:0' id='o'/>") || !strings.Contains(xml, "<body>hi</body>") {
			t.Errorf("%s: %s", c.name, xml)
		}
	}
}
