package webhook

import (
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
)

// An answer to a message in a room goes to its author alone with private, and refers to the
// message where the endpoint wants that and the room gives ids.
func TestAnswersInRooms(t *testing.T) {
	const (
		body  = `{"body":"done"}`
		alone = ` type='chat' `
		all   = ` type='groupchat' `
		reply = `<reply xmlns='urn:xmpp:reply:0' id='s1' to='ops@rooms.example.com/Alice'/>`
		muc   = `<x xmlns='http://jabber.org/protocol/muc#user'/>`
	)
	plain, replying := &Endpoint{Name: "e"}, &Endpoint{Name: "e", ReplyInRooms: ReplyAsReply}
	for _, c := range []struct {
		name, answer string
		e            *Endpoint
		has, hasNot  string // separated by |
	}{
		{"plain", body, plain, all + "|to='ops@rooms.example.com'|>done<", reply + "|" + muc},
		{"private", `{"body":"done","private":true}`, plain, alone + "|to='ops@rooms.example.com/Alice'|>done<|" + muc, reply},
		{"not private", `{"body":"done","private":false}`, plain, all, muc},
		{"private reply", `{"body":"done","private":true,"reply_to":"this"}`, plain, alone + "|" + muc + "|" + reply, all},
		{"private of several", `[{"body":"done","private":true}]`, plain, alone + "|" + muc, all},
		{"as reply", body, replying, all + "|" + reply + "|>done<", muc},
		{"text as reply", `"done"`, replying, all + "|" + reply, muc},
		{"own reply", `{"body":"done","reply_to":"this"}`, replying, all + "|" + reply, reply + reply},
		{"a reaction is none", `{"react":{"to":"this","emoji":["✅"]}}`, replying, all + "|reactions", reply},
		{"private is none", `{"body":"done","private":true}`, replying, alone + "|" + muc, reply},
	} {
		in := strings.Replace(inRoom, "</message>", `<stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='s1'/></message>`, 1)
		ev := &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: parsed(in)}
		ev.Stanza.To = jid.MustParse("echo@bot.example.com")
		ev.Facts.Ref = message.InRoom(ev.Stanza, message.RoomIDs{StanzaIDs: true}).String()
		v := judgeEvent(c.e, ev, &Answer{Status: 200, Type: "application/json", MediaType: mediaJSON, Body: []byte(c.answer)})
		if len(v.Replies) != 1 {
			t.Errorf("%s: %+v", c.name, v)
			continue
		}
		xml := v.Replies[0].XML()
		for _, part := range strings.Split(c.has, "|") {
			if !strings.Contains(xml, part) {
				t.Errorf("%s: no %s in %s", c.name, part, xml)
			}
		}
		for _, part := range strings.Split(c.hasNot, "|") {
			if strings.Contains(xml, part) {
				t.Errorf("%s: %s in %s", c.name, part, xml)
			}
		}
	}
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: parsed(inRoom)}
	if v := judgeEvent(plain, ev, &Answer{Status: 200, Type: "application/json", MediaType: mediaJSON, Body: []byte(`{"body":"x","private":1}`)}); len(v.Replies) != 0 {
		t.Errorf("private is no number: %+v", v.Replies)
	}
}

// A reference that was made before the room gave the message an id is completed.
func TestAnswerWithAnOldRef(t *testing.T) {
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: parsed(inRoom)}
	ev.Stanza.To = jid.MustParse("echo@bot.example.com")
	old := message.Sent(parsed(`<message type='groupchat' id='b1' from='echo@bot.example.com/room' to='ops@rooms.example.com'><body>x</body></message>`), false)
	e := &Endpoint{Name: "e", Complete: func(r message.Ref) message.Ref { r.StanzaID = "s9"; return r }}
	v := judgeEvent(e, ev, &Answer{Status: 200, Type: "application/json", MediaType: mediaJSON, Body: []byte(`{"retract":"` + old.String() + `"}`)})
	if len(v.Replies) != 1 || !strings.Contains(v.Replies[0].XML(), "<retract xmlns='urn:xmpp:message-retract:1' id='s9'/>") {
		t.Errorf("%+v", v)
	}
}
