package v1_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// fakeRooms is a bot in rooms; it notes what it is asked.
type fakeRooms struct {
	*fake
	rooms map[string]v1.Room
	await muc.Status // what comes of a join
	isIn  bool       // for messages
}

func (f fakeRooms) List() []v1.Room {
	return []v1.Room{f.rooms["ops@rooms.example.com"], f.rooms["file@rooms.example.com"]}
}

func (f fakeRooms) Get(room, bot jid.JID) (v1.Room, error) {
	if f.err != nil && strings.HasPrefix(f.err.Error(), "several") {
		return v1.Room{}, f.err
	}
	r, ok := f.rooms[room.String()]
	if !ok || !bot.IsZero() && bot != r.Bot {
		return r, fmt.Errorf("%w: no bot is in it", gateway.ErrNotFound)
	}
	return r, nil
}

func (f fakeRooms) IsIn(room, _ jid.JID) bool { return f.isIn && f.rooms[room.String()].Source != "" }

func (f fakeRooms) Join(_ context.Context, s v1.RoomSettings) (v1.Room, bool, error) {
	return v1.Room{Status: f.await, Room: s.Room, Bot: s.Bot}, f.await.State != muc.Refused, f.note("join %s %s by %s", s.Room, s.Bot, s.By)
}

func (f fakeRooms) Keep(_ context.Context, s v1.RoomSettings) error {
	if r := f.rooms[s.Room.String()]; r.Source == "config" {
		return fmt.Errorf("%w: it is one of the configuration", gateway.ErrConflict)
	}
	return f.note("keep %s %s by %s %q %q %d %v %v", s.Room, s.Bot, s.By, s.Nick, s.Password.Reveal(), s.History, s.Create, s.Config)
}

func (f fakeRooms) SetNick(room, _ jid.JID, nick string) error {
	return f.note("nick %s %s", room, nick)
}

func (f fakeRooms) Await(_ context.Context, room, bot jid.JID) (v1.Room, error) {
	return v1.Room{Status: f.await, Room: room, Bot: bot, Source: "api"}, nil
}

func (f fakeRooms) Leave(_ context.Context, room, bot jid.JID, destroy bool, reason string) error {
	return f.note("leave %s %s %v %q", room, bot, destroy, reason)
}

func (f fakeRooms) Occupants(jid.JID, jid.JID) ([]v1.Occupant, error) {
	return []v1.Occupant{
		{Occupant: muc.Occupant{Nick: "Juliet", ID: "o1", JID: jid.MustParse("juliet@example.com/balcony"), Affiliation: "owner", Role: "moderator", Show: "away", Status: "later"}},
		{Occupant: muc.Occupant{Nick: "Echo", Affiliation: "none", Role: "participant"}, Bot: true},
	}, f.err
}

func (f fakeRooms) Configuration(context.Context, jid.JID, jid.JID) (map[string][]string, error) {
	return map[string][]string{"muc#roomconfig_roomname": {"Ops"}, "muc#roomconfig_presencebroadcast": {"moderator", "visitor"}, "muc#roomconfig_roomadmins": {}}, f.err
}

func (f fakeRooms) Configure(ctx context.Context, room, bot jid.JID, change map[string][]string) (map[string][]string, error) {
	if err := f.note("configure %v", change); err != nil {
		return nil, err
	}
	return f.Configuration(ctx, room, bot)
}

func (f fakeRooms) Invite(_, _, user jid.JID, reason, how string) error {
	return f.note("invite %s %q %s", user, reason, how)
}

func (f fakeRooms) SetAffiliation(_ context.Context, _, _, user jid.JID, affiliation, reason string) error {
	return f.note("affiliation %s %s %q", user, affiliation, reason)
}

func (f fakeRooms) SetRole(_ context.Context, _, _ jid.JID, nick, role, reason string) error {
	return f.note("role %s %s %q", nick, role, reason)
}

func (f fakeRooms) History(_ context.Context, room, bot jid.JID, p v1.RoomPage) ([]v1.RoomMessage, bool, error) {
	if err := f.note("history %q %q %v %v %d", p.Before, p.After, p.Start.Unix(), p.End.Unix(), p.Max); err != nil {
		return nil, false, err
	}
	var list []v1.RoomMessage
	for i, nick := range []string{"Juliet", "Echo"} {
		s := stanza.Must(stanza.Parse(fmt.Sprintf("<message type='groupchat' id='m%d' from='%s/%s' to='%s'><body>hi %d</body></message>", i, room, nick, bot, i), stanza.Limits{}))
		list = append(list, v1.RoomMessage{ID: fmt.Sprint("a", i), Time: now.Add(time.Duration(i) * time.Second), Stanza: s, Ref: message.InRoom(s, message.RoomIDs{})})
	}
	return list, f.next != "", nil
}

var inRoom = muc.Status{State: muc.Joined, Since: now, Nick: "Echo", Affiliation: "none", Role: "participant", Subject: "fire", Occupants: 2}

const inRoomJSON = `"nick":"Echo","state":"joined","since":"2026-11-20T18:00:00Z","condition":null,"text":null,"next_attempt":null,"affiliation":"none","role":"participant",
"occupants":2,"occupants_cut":false,"anonymous":false,"ids":false,"archive":false,"remark":null`

func newRooms() (*fake, *fakeRooms, http.Handler) {
	echo := jid.MustParse("echo@bot.example.com")
	f := &fakeRooms{fake: &fake{}, await: inRoom, rooms: map[string]v1.Room{
		"ops@rooms.example.com":  {Status: inRoom, Room: jid.MustParse("ops@rooms.example.com"), Bot: echo, Source: "api"},
		"file@rooms.example.com": {Status: inRoom, Room: jid.MustParse("file@rooms.example.com"), Bot: echo, Source: "config"},
	}}
	return f.fake, f, serve(v1.Options{Rooms: f, Sender: &gatewaytest.Network{}, Now: func() time.Time { return now }})
}

func TestRoomsAreShown(t *testing.T) {
	f, _, h := newRooms()
	ops := `{"room":"ops@rooms.example.com","from":"echo@bot.example.com","source":"api",` + inRoomJSON
	file := strings.ReplaceAll(strings.ReplaceAll(ops, "ops@", "file@"), `"api"`, `"config"`)
	equalJSON(t, ask(h, "roomer", "GET", "/v1/rooms", ""), `{"items":[`+ops+`,"subject":"fire"},`+file+`,"subject":"fire"}],"next":null}`)
	// A token is limited to rooms, and to addresses of bots.
	equalJSON(t, ask(h, "opsonly", "GET", "/v1/rooms", ""), `{"items":[`+ops+`,"subject":"fire"}],"next":null}`)
	equalJSON(t, ask(h, "bound", "GET", "/v1/rooms", ""), `{"items":[],"next":null}`)
	equalJSON(t, ask(h, "sender", "GET", "/v1/rooms/ops@rooms.example.com?from=echo@bot.example.com", ""), ops+`,"subject":"fire"}`)
	// Who only sees that something happens does not see what people write.
	equalJSON(t, ask(h, "reader", "GET", "/v1/rooms/ops@rooms.example.com", ""), ops+`,"subject":null}`)
	equalJSON(t, ask(h, "sender", "GET", "/v1/rooms/ops@rooms.example.com/occupants", ""), `{"items":[
{"nick":"Juliet","occupant_id":"o1","jid":"juliet@example.com/balcony","claimed_jid":null,"affiliation":"owner","role":"moderator","show":"away","status":"later","bot":false},
{"nick":"Echo","occupant_id":null,"jid":null,"claimed_jid":null,"affiliation":"none","role":"participant","show":null,"status":null,"bot":true}],"next":null}`)
	equalJSON(t, ask(h, "sender", "GET", "/v1/rooms/ops@rooms.example.com/config", ""),
		`{"muc#roomconfig_roomname":"Ops","muc#roomconfig_presencebroadcast":["moderator","visitor"],"muc#roomconfig_roomadmins":[]}`)
	f.next = "more"
	history := ask(h, "sender", "GET", "/v1/rooms/ops@rooms.example.com/history?before=x&start=1h&limit=2", "")
	for _, want := range []string{`{"items":[{"kind":"message","type":"groupchat",`, `"body":"hi 1"`, `"archive_id":"a1"`, `"room":{"jid":"ops@rooms.example.com","nick":"Echo","own":true}`, `"next":"a0"`, `"ref":"r1_`, `"text":"hi 0"`} {
		if !strings.Contains(history.Body.String(), want) {
			t.Errorf("the history has no %s: %s", want, history.Body)
		}
	}
	if after := ask(h, "sender", "GET", "/v1/rooms/ops@rooms.example.com/history?after=x", "").Body.String(); !strings.HasSuffix(strings.TrimSpace(after), `"next":"a1"}`) {
		t.Errorf("next of after: %s", after)
	}
	if got := strings.Join(f.asked, "\n"); got != fmt.Sprintf("history \"x\" \"\" %d -62135596800 2\nhistory \"\" \"x\" -62135596800 -62135596800 50", now.Add(-time.Hour).Unix()) {
		t.Error(got)
	}
}

func TestRoomIsChanged(t *testing.T) {
	const ops, fresh, file = "/v1/rooms/ops@rooms.example.com", "/v1/rooms/new@rooms.example.com", "/v1/rooms/file@rooms.example.com"
	refused := muc.Status{State: muc.Refused, Since: now, Refusal: muc.Refusal{Condition: stanza.NotAuthorized, Text: "wrong"}}
	waiting := muc.Status{State: muc.Waiting, Since: now, NextAttempt: now.Add(time.Minute), Refusal: muc.Refusal{Condition: stanza.RemoteServerTimeout}}
	for _, c := range []struct {
		method, path, body string
		await              muc.Status
		status             int
		asked              string
	}{
		{"PUT", fresh, `{"from":"echo@bot.example.com"}`, inRoom, 202, `keep new@rooms.example.com echo@bot.example.com by roomer "" "" -1 false map[]`},
		{"PUT", fresh + "?wait=5s&from=echo@bot.example.com", `{"nick":"E","password":"p","history":"none","create":true,"config":{"roomname":"x","moderatedroom":true,"n":5,"l":["a","b"]}}`, inRoom, 200,
			`keep new@rooms.example.com echo@bot.example.com by roomer "E" "p" 0 true map[l:[a b] moderatedroom:[1] n:[5] roomname:[x]]`},
		{"PUT", ops + "?wait=5s", `{"nick":"E","history":7}`, inRoom, 200, `keep ops@rooms.example.com echo@bot.example.com by roomer "E" "" 7 false map[]`},
		{"PUT", fresh + "?wait=5s", `{"nick":"E"}`, waiting, 202, `keep new@rooms.example.com bot.example.com by roomer "E" "" -1 false map[]`},
		{"PUT", fresh + "?wait=5s", `{"nick":"E"}`, refused, 422, `keep new@rooms.example.com bot.example.com by roomer "E" "" -1 false map[]; leave new@rooms.example.com bot.example.com false ""`},
		{"PUT", fresh + "?wait=5s&keep=1", `{"nick":"E"}`, refused, 422, `keep new@rooms.example.com bot.example.com by roomer "E" "" -1 false map[]`},
		{"PUT", ops + "?wait=5s", ``, refused, 422, `keep ops@rooms.example.com echo@bot.example.com by roomer "" "" -1 false map[]`},
		{"PUT", file, `{"nick":"E"}`, inRoom, 202, `nick file@rooms.example.com E`},
		{"PUT", file, `{"nick":"E","create":true}`, inRoom, 409, ``},
		{"DELETE", ops + "?destroy=1&reason=over", ``, inRoom, 204, `leave ops@rooms.example.com echo@bot.example.com true "over"`},
		{"PATCH", ops + "/config", `{"roomname":"Ops","x":false}`, inRoom, 200, `configure map[roomname:[Ops] x:[0]]`},
		{"POST", ops + "/invite", `{"jid":"Juliet@example.com","reason":"r"}`, inRoom, 202, `invite juliet@example.com "r" both`},
		{"POST", ops + "/invite", `{"jid":"juliet@example.com","how":"direct"}`, inRoom, 202, `invite juliet@example.com "" direct`},
		{"PUT", ops + "/affiliations/juliet@example.com", `{"affiliation":"outcast","reason":"r"}`, inRoom, 200, `affiliation juliet@example.com outcast "r"`},
		{"PUT", ops + "/roles/Ju/liet", `{"role":"none"}`, inRoom, 200, `role Ju/liet none ""`},
	} {
		f, rooms, h := newRooms()
		rooms.await = c.await
		w := ask(h, "roomer", c.method, c.path, c.body)
		if got := strings.Join(f.asked, "; "); w.Code != c.status || got != c.asked {
			t.Errorf("%s %s: %d %s\n%s\nwant %d\n%s", c.method, c.path, w.Code, w.Body, got, c.status, c.asked)
		}
		if w.Code == 422 && !strings.Contains(w.Body.String(), `"condition":"not-authorized"`) {
			t.Errorf("%s: no condition: %s", c.path, w.Body)
		}
	}
}

func TestRoomsRefuse(t *testing.T) {
	_, rooms, h := newRooms()
	const ops = "/v1/rooms/ops@rooms.example.com"
	for _, c := range []struct {
		token, method, path, body string
		status                    int
		text                      string
	}{
		{"sender", "PUT", ops, "", 403, `scope "rooms"`},
		{"sender", "DELETE", ops, "", 403, `scope "rooms"`},
		{"sender", "PATCH", ops + "/config", "", 403, `scope "rooms"`},
		{"sender", "POST", ops + "/invite", "", 403, `scope "rooms"`},
		{"sender", "PUT", ops + "/affiliations/a@b", "", 403, `scope "rooms"`},
		{"sender", "PUT", ops + "/roles/x", "", 403, `scope "rooms"`},
		{"reader", "GET", ops + "/occupants", "", 403, `scope "rooms" or "send"`},
		{"reader", "GET", ops + "/history", "", 403, `scope "rooms" or "send"`},
		{"asker", "GET", "/v1/rooms", "", 403, `scope "rooms"`},
		{"opsonly", "GET", "/v1/rooms/file@rooms.example.com", "", 403, "may not use the room file@rooms.example.com; allowed are ops@*"},
		{"opsonly", "PUT", "/v1/rooms/file@rooms.example.com", "", 403, "may not use the room"},
		{"bound", "GET", ops, "", 403, "the token may not use echo@bot.example.com"},
		{"roomer", "GET", "/v1/rooms/rooms.example.com", "", 400, `"rooms.example.com" is not the address of a room`},
		{"roomer", "GET", ops + "?from=echo@bot.example.com/x", "", 400, "from: "},
		{"roomer", "GET", "/v1/rooms/none@rooms.example.com", "", 404, "no bot is in it"},
		{"roomer", "PUT", "/v1/rooms/new@rooms.example.com", "", 400, "from: is missing"},
		{"roomer", "PUT", ops + "?from=a@bot.example.com", `{"from":"b@bot.example.com"}`, 400, "they differ"},
		{"roomer", "PUT", ops, `{"nick":""}`, 400, `nick: "" cannot be a nickname`},
		{"roomer", "PUT", ops, `{"history":"all"}`, 400, `history: write "missed", "none"`},
		{"roomer", "PUT", ops, `{"history":1001}`, 400, "history: "},
		{"roomer", "PUT", ops, `{"config":{"x":{}}}`, 400, "config.x: is neither"},
		{"roomer", "PUT", ops, `{"config":{"x":null}}`, 400, "config.x: is null"},
		{"roomer", "PUT", ops, `{"rejoin":true}`, 400, `unknown field "rejoin"`},
		{"roomer", "PUT", ops, `{"password":"\u0001"}`, 400, "password: "},
		{"roomer", "PUT", ops + "?wait=2m", "", 400, "wait: "},
		{"roomer", "DELETE", ops + "?reason=" + strings.Repeat("x", 501), "", 400, "reason: "},
		{"roomer", "PATCH", ops + "/config", "", 400, "has no variable"},
		{"roomer", "POST", ops + "/invite", `{"jid":"a@b/c"}`, 400, "jid: "},
		{"roomer", "POST", ops + "/invite", `{"jid":"a@b","how":"loud"}`, 400, `how: "loud"`},
		{"roomer", "PUT", ops + "/affiliations/a@b", `{"affiliation":"boss"}`, 400, `affiliation: "boss"`},
		{"roomer", "PUT", ops + "/roles/x", `{"role":"boss"}`, 400, `role: "boss"`},
		{"roomer", "GET", ops + "/history?before=a&after=b", "", 400, "before: goes without after"},
		{"roomer", "GET", ops + "/history?limit=101", "", 400, "limit: "},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) { isProblem(t, ask(h, c.token, c.method, c.path, c.body), c.status, c.text) })
	}
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{gateway.ErrFull, 507, "full"},
		{gateway.ErrDown, 503, "no connection"},
		{context.DeadlineExceeded, 504, "has not answered in time"},
		{&stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden, Text: "owners only"}, 422, "forbidden: owners only; the bot may need another role or affiliation"},
		{&httpapi.Fault{Status: 501, Text: "the room has no archive"}, 501, "no archive"},
		{errors.New("disk"), 500, "internal error"},
	} {
		rooms.err = c.err
		if c.status == 507 {
			isProblem(t, ask(h, "roomer", "PUT", ops, ""), c.status, c.text)
			continue
		}
		isProblem(t, ask(h, "roomer", "GET", ops+"/history", ""), c.status, c.text)
	}
}
