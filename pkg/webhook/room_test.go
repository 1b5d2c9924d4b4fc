package webhook

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/jid"
)

const inRoom = `<message type='groupchat' id='m1' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>Echo: deploy</body></message>`

// What is known besides a stanza goes with it, whatever characters it has, and comes out of
// no format but as data.room.
func TestRoomGoesWithTheStanza(t *testing.T) {
	want := &Room{JID: "ops@rooms.example.com", Nick: "Ali'c<e>\n&\t", OccupantID: "o", RealJID: "alice@example.com", Affiliation: "owner", Role: "moderator", OwnNick: "Echo", Mention: true, Missed: true}
	s, err := WithRoom(parsed(inRoom), jid.MustParse("echo@bot.example.com"), want)
	require.NoError(t, err)
	if got := RoomOf(parsed(s.XML())); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Received: time.Now(), Stanza: s}
	for _, f := range []Format{FormatEvent, FormatRestJSON, FormatRestXML, FormatComponentHTTP} {
		body, err := formatOf(f).encode(nil, &Endpoint{Name: "e", Format: f}, ev)
		if err != nil || strings.Contains(string(body), "urn:stanzahook") {
			t.Errorf("%s: %s %v", f, body, err)
		}
	}
	var got struct {
		Type string
		Data struct {
			To, Body, Text string
			Room           map[string]any
		}
	}
	body, _ := EncodeEvent(&Endpoint{Name: "e"}, ev)
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err, string(body))
	}
	if got.Type != "message.groupchat" || got.Data.To != "echo@bot.example.com" || got.Data.Body != "Echo: deploy" || got.Data.Text != "deploy" || got.Data.Room["nick"] != want.Nick || got.Data.Room["missed"] != true {
		t.Errorf("%s", body)
	}
	if RoomOf(parsed(receiptWanted)) != nil || RoomOf(parsed(inRoom)) != nil {
		t.Error("there is none")
	}
}

func TestRoomEvents(t *testing.T) {
	room, bot := jid.MustParse("ops@rooms.example.com"), jid.MustParse("echo@bot.example.com")
	left, err := RoomEvent(room, bot, &Room{Type: "room.left", JID: room.String(), Nick: "Echo", Reason: "kicked", Code: 307, Actor: "Alice", Text: "bye"})
	require.NoError(t, err)
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Stanza: left}
	body, _ := EncodeEvent(&Endpoint{Name: "e"}, ev)
	for _, part := range []string{`"type":"room.left"`, `"reason":"kicked","code":307,"actor":"Alice","text":"bye"`, `"room":{"jid":"ops@rooms.example.com","nick":"Echo","occupant_id":null`} {
		if !strings.Contains(string(body), part) {
			t.Errorf("no %s in %s", part, body)
		}
	}
	said, _ := WithRoom(parsed(inRoom), bot, &Room{JID: room.String(), Nick: "Alice", Affiliation: "owner", RealJID: "alice@example.com", Mention: true})
	own, _ := WithRoom(parsed(inRoom), bot, &Room{JID: room.String(), Nick: "Echo", Own: true})
	for _, tc := range []struct {
		name      string
		m         Match
		said, own bool
		left      bool
	}{
		{"all", Match{}, true, false, true},
		{"mention", Match{Mention: true}, true, false, false},
		{"own", Match{Own: true}, false, true, false},
		{"affiliation", Match{Affiliations: []string{"owner"}}, true, false, false},
		{"role", Match{Roles: []string{"moderator"}}, false, false, false},
		{"real_from", Match{RealFrom: globs(t, "*@example.com")}, true, false, false},
		{"from the room", Match{From: globs(t, "ops@rooms.example.com")}, true, false, true},
		{"type", Match{Types: []string{"groupchat"}}, true, false, false},
		{"body", Match{Body: true}, true, false, false},
	} {
		if a, b, c := tc.m.Matches(said), tc.m.Matches(own), tc.m.Matches(left); a != tc.said || b != tc.own || c != tc.left {
			t.Errorf("%s: said %v, own %v, left %v", tc.name, a, b, c)
		}
	}
	mention := Match{Mention: true}
	if !mention.Matches(parsed(receiptWanted)) {
		t.Error("a chat means the bot")
	}
	for e, want := range map[*Endpoint][3]bool{
		{}:                              {true, true, false},
		{Rooms: []string{"occupants"}}:  {false, false, true},
		{Format: FormatRestJSON}:        {true, false, false},
		{Rooms: []string{RoomSelf}}:     {false, true, false},
		{Rooms: []string{RoomMessages}}: {true, false, false},
	} {
		got := [3]bool{e.WantsRoom(RoomOf(said)), e.WantsRoom(RoomOf(left)), e.WantsRoom(&Room{Type: "room.occupant"})}
		if got != want {
			t.Errorf("%v %s: %v", e.Rooms, e.Format, got)
		}
	}
}

// Only {"join": true} to an invitation is an answer to a room.* event.
func TestAnswersToRoomEvents(t *testing.T) {
	invite, err := WithRoom(parsed(`<message from='alice@example.com/x' to='echo@bot.example.com'><x xmlns='jabber:x:conference' jid='ops@rooms.example.com'/></message>`),
		jid.MustParse("echo@bot.example.com"), &Room{Type: "room.invite", JID: "ops@rooms.example.com", Password: "p&w"})
	require.NoError(t, err)
	joined, _ := RoomEvent(jid.MustParse("ops@rooms.example.com"), jid.MustParse("echo@bot.example.com"), &Room{Type: "room.joined", JID: "ops@rooms.example.com"})
	answer := func(ev *Event, body string) []string {
		var all []string
		v := judgeEvent(&Endpoint{Name: "e"}, ev, &Answer{Status: 200, Type: "application/json", MediaType: mediaJSON, Body: []byte(body)})
		for _, r := range v.Replies {
			password, ok := JoinOf(r)
			if !ok {
				t.Errorf("%s", r.XML())
			}
			all = append(all, r.From.String()+" "+r.To.String()+" "+password)
		}
		return all
	}
	ev := &Event{ID: "evt_1", Component: "bot.example.com", Stanza: invite}
	if got := answer(ev, `{"join": true}`); len(got) != 1 || got[0] != "echo@bot.example.com ops@rooms.example.com p&w" {
		t.Errorf("%q", got)
	}
	for _, body := range []string{`{"join": false}`, `{"body":"hello"}`, `"hello"`, `[]`, `null`} {
		if got := answer(ev, body); len(got) > 0 {
			t.Errorf("%s: %q", body, got)
		}
	}
	if got := answer(&Event{ID: "evt_2", Component: "bot.example.com", Stanza: joined}, `{"join": true}`); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// What somebody writes into a message is never what is known of a room, also if an archive
// returns it.
func TestClaimsAreNotKnown(t *testing.T) {
	s := parsed("<message type='groupchat' from='ops@rooms.example.com/Mallory' to='echo@bot.example.com/room'><room xmlns='" + nsRoom + "' own='1' nick='Alice' affiliation='owner'/><body>hi</body></message>")
	with, err := WithRoom(s, jid.MustParse("echo@bot.example.com"), &Room{JID: "ops@rooms.example.com", Nick: "Mallory"})
	require.NoError(t, err)
	if r := RoomOf(with); r.Own || r.Nick != "Mallory" || r.Affiliation != "" {
		t.Errorf("%+v", r)
	}
}
