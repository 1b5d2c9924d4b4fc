//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/v1"
)

// roomsServer starts a server whose service of rooms has lines of its own: of its section in
// prosody.cfg.lua; of ejabberd.yml besides mod_muc's host.
func roomsServer(t *testing.T, o lab.Options, lua string, more map[string]any) *lab.Server {
	t.Helper()
	o = harness.WithRooms(o)
	with := o.Edit
	o.Edit = func(config []byte) ([]byte, error) {
		config, err := with(config)
		switch {
		case err != nil:
			return nil, err
		case o.Kind == lab.Prosody:
			return append(config, lua...), nil
		}
		return harness.AddYAML(config, more)
	}
	return harness.StartServer(t, o)
}

// inRooms is a program with rooms in its configuration, and its bot.
type inRooms struct {
	*testing.T
	*harness.Program
	bot  *harness.Bot
	file string
}

func launchInRooms(t *testing.T, s *lab.Server, rooms string) inRooms {
	t.Helper()
	x := inRooms{T: t, bot: harness.NewBot(t)}
	x.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
	x.file = harness.OneComponent(s, "event", x.bot).Write(t, t.TempDir())
	text, err := os.ReadFile(x.file)
	if err == nil {
		err = os.WriteFile(x.file, append(text, rooms...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	x.Program = harness.LaunchFile(t, x.file)
	return x
}

// call makes a request and returns its answer, which must have the status and all parts.
func (x inRooms) call(method, path, body string, status int, parts ...string) string {
	x.T.Helper()
	r, err := x.Call(method, path, "token-all", harness.AsJSON, body)
	if err != nil || r.Status != status {
		x.T.Errorf("%s %s: %d %s %v, want %d", method, path, r.Status, r.Body, err, status)
	}
	for _, part := range parts {
		if !strings.Contains(r.Body, part) {
			x.T.Errorf("%s %s: %s has no %s", method, path, r.Body, part)
		}
	}
	return r.Body
}

// rooms returns the status of the service of rooms.
func (x inRooms) rooms() (st v1.Status, rooms v1.ServiceStatus) {
	x.T.Helper()
	r, err := x.Call("GET", "/v1/status", "token-all", "", "")
	if err == nil {
		err = json.Unmarshal([]byte(r.Body), &st)
	}
	if err != nil {
		x.T.Fatal(err)
	}
	for _, s := range st.Services {
		if s.Kind == v1.ServiceRooms {
			rooms = s
		}
	}
	return st, rooms
}

// services waits until the service of rooms has, or has not, answered, and returns it.
func (x inRooms) services() (rooms v1.ServiceStatus) {
	x.T.Helper()
	harness.Eventually(x.T, "the service is asked", func() bool {
		_, rooms = x.rooms()
		return rooms.Answers != nil
	})
	return rooms
}

// shows runs the program, and compares what it prints, with single blanks.
func (x inRooms) shows(args []string, parts ...string) {
	x.T.Helper()
	env := []string{"STANZAHOOK_API=http://" + x.Addr, "STANZAHOOK_TOKEN=token-admin"}
	_, out, errs := harness.RunProgram(x.T, env, args...)
	plain := strings.Join(strings.Fields(out), " ")
	for _, part := range parts {
		if !strings.Contains(plain, part) {
			x.T.Errorf("%v shows no %q:\n%s%s", args, part, out, errs)
		}
	}
}

func (x inRooms) check(parts ...string) {
	x.T.Helper()
	x.shows([]string{"check", "--live", "--config", x.file}, parts...)
}

func advice(s v1.ServiceStatus) string {
	if s.Advice == nil {
		return ""
	}
	return *s.Advice
}

// A bot of 150 rooms: ejabberd lets it be in 100 by default, and Prosody keeps 100 in memory.
// Status and check say so, and what to write at the server.
func TestManyRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const many, most = 150, 100
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "", nil)
		var list strings.Builder
		list.WriteString("\nrooms:\n")
		for i := range many {
			fmt.Fprintf(&list, "  - {jid: many%d@rooms.localhost, from: echo@event.localhost, create: true}\n", i)
		}
		x := launchInRooms(t, s, list.String())
		in := map[lab.Kind]int{lab.Prosody: many, lab.Ejabberd: most}[kind]
		harness.Eventually(t, "what can be joined is joined", func() bool {
			st, _ := x.rooms()
			return st.Rooms == v1.RoomCounts{Joined: in, Waiting: many - in}
		})
		service := x.services()
		if !*service.Answers || service.JID != "rooms.localhost" || service.Rooms == nil || len(service.Features) == 0 {
			t.Errorf("%+v", service)
		}
		if kind == lab.Prosody {
			if !strings.Contains(advice(service), `muc_room_cache_size = 2000 in Component "rooms.localhost" "muc"`) || *service.Software != "Prosody" {
				t.Errorf("%+v", service)
			}
			x.check(`ok rooms rooms.localhost Prosody answers IQs; 150 rooms of bots: 150 joined`, "muc_room_cache_size = 2000", "ok rooms rooms.localhost bots can make rooms")
			return
		}
		if !strings.Contains(advice(service), "max_user_conferences: 2000") || service.Limits["rooms_of_a_bot"] != most || *service.Software != "ejabberd" {
			t.Errorf("%+v %s", service, advice(service))
		}
		waiting := 0
		var rooms struct {
			Items []struct{ State, Condition string }
		}
		if err := json.Unmarshal([]byte(x.call("GET", "/v1/rooms", "", 200)), &rooms); err != nil {
			t.Error(err)
		}
		for _, r := range rooms.Items {
			if r.State == "waiting" && r.Condition == "resource-constraint" {
				waiting++
			}
		}
		if len(rooms.Items) != many || waiting != many-most {
			t.Errorf("%d of %d wait", waiting, len(rooms.Items))
		}
		x.check("warn rooms rooms.localhost a bot can be in 100 rooms, and the others wait", "max_user_conferences: 2000")
		x.shows([]string{"status"}, "rooms.localhost rooms ejabberd yes 100 joined, 0 joining, 50 waiting, 0 refused", "localhost server ejabberd yes", "rooms.localhost: a bot can be in 100 rooms")
	})
}

// A room that its owner destroys: the bot knows, and knows the other room; it does not come
// again.
func TestDestroyedRoom(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		const toEcho = `"to":"echo@event.localhost"`
		s := newStage(t, kind)
		s.event("room.joined", toEcho, `"jid":"kept@rooms.localhost","nick":"Echo"`)
		s.event("room.joined", "taken@event.localhost")
		s.alice.Send("<iq type='set' id='end' to='kept@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='other@rooms.localhost'><reason>we have moved</reason></destroy></query></iq>")
		s.event("room.left", toEcho, `"jid":"kept@rooms.localhost"`, `"reason":"destroyed"`, `"alternative":"other@rooms.localhost"`, `"text":"we have moved"`)
		s.event("room.left", "taken@event.localhost", `"reason":"destroyed"`)
		r, err := s.p.Call("GET", "/v1/rooms/kept@rooms.localhost?from=echo@event.localhost", "token-all", "", "")
		if err != nil || !strings.Contains(r.Body, `"state":"refused"`) || !strings.Contains(r.Body, "destroyed: we have moved") {
			t.Errorf("%+v %v", r, err)
		}
		if n := s.count("room.joined", toEcho, "other@rooms.localhost"); n != 0 {
			t.Error("the other room was joined")
		}
	})
}

// A service that lets only local users make rooms: where the bot would have to, it is refused
// with the server's reason, and where not, the room does not exist. Status and check have the
// lines for the server.
func TestMakingRoomsDenied(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "\trestrict_room_creation = \"local\"\n", map[string]any{
			"acl":          map[string]any{"local": map[string]any{"server": "localhost"}},
			"access_rules": map[string]any{"muc_create": map[string]any{"allow": "local"}},
			"modules":      map[string]any{"mod_muc": map[string]any{"access_create": "muc_create"}},
		})
		x := launchInRooms(t, s, "\nrooms:\n  - {jid: made@rooms.localhost, from: echo@event.localhost, create: true}\n")
		condition, line := map[lab.Kind]string{lab.Prosody: "not-allowed", lab.Ejabberd: "forbidden"}[kind], map[lab.Kind]string{lab.Prosody: "restrict_room_creation = false", lab.Ejabberd: "access_create"}[kind]
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","create":true}`, 422, `"condition":"`+condition+`"`, "creation")
		x.call("PUT", "/v1/rooms/new@rooms.localhost?wait=30s", `{"from":"echo@event.localhost"}`, 422, `"condition":"item-not-found"`, "the room does not exist")
		harness.Eventually(t, "the configured room is refused", func() bool {
			st, _ := x.rooms()
			return st.Rooms.Refused == 1
		})
		if service := x.services(); !strings.Contains(advice(service), line) {
			t.Errorf("%s", advice(service))
		}
		x.check("warn rooms rooms.localhost bots cannot make rooms", line, "rooms have no archive")
	})
}

// The archive of a room, page by page, from both ends.
func TestRoomArchive(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := roomsServer(t, harness.ServerOptions(kind, "event"), "\tmodules_enabled = { \"muc_mam\" }\n", map[string]any{
			"modules": map[string]any{"mod_mam": map[string]any{}, "mod_muc": map[string]any{"default_room_options": map[string]any{"mam": true}}},
		})
		x := launchInRooms(t, s, "\nrooms:\n  - {jid: kept@rooms.localhost, from: echo@event.localhost, nick: Echo, create: true, config: {persistentroom: true}}\n")
		const path = "/v1/rooms/kept@rooms.localhost"
		x.call("PUT", path+"?wait=30s", `{"nick":"Echo"}`, 200, `"state":"joined"`)
		for i := range 7 {
			x.call("POST", "/v1/messages?wait=30s&wait_for=echoed", fmt.Sprintf(`{"from":"echo@event.localhost","to":"kept@rooms.localhost","body":"line %d"}`, i), 200, `"echoed"`)
		}
		type page struct {
			Items []struct {
				Body, Time, Ref string
				ArchiveID       string `json:"archive_id"`
			}
			Next *string
		}
		read := func(query string) (p page, lines string) {
			t.Helper()
			if err := json.Unmarshal([]byte(x.call("GET", path+"/history?"+query, "", 200)), &p); err != nil {
				t.Error(err)
			}
			for _, m := range p.Items {
				lines += strings.TrimPrefix(m.Body, "line ")
				if m.Time == "" || m.Ref == "" || m.ArchiveID == "" {
					t.Errorf("%s: %+v", query, m)
				}
			}
			return p, lines
		}
		wants := func(got, want, what string) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		all, lines := read("limit=100")
		wants(lines, "6543210", "all, newest first")
		if all.Next != nil {
			t.Errorf("there is no more: %v", *all.Next)
		}
		got, query := "", "limit=3"
		for range 4 {
			p, lines := read(query)
			got += lines + " "
			if p.Next == nil {
				break
			}
			query = "limit=3&before=" + *p.Next
		}
		wants(got, "654 321 0 ", "page by page, from the newest")
		if len(all.Items) == 7 {
			_, lines = read("limit=2&after=" + all.Items[4].ArchiveID)
			wants(lines, "43", "after line 2")
			_, lines = read("limit=100&start=" + all.Items[3].Time)
			if !strings.HasPrefix(lines, "654") || len(lines) == 7 && all.Items[3].Time != all.Items[6].Time {
				t.Errorf("since line 3: %q", lines)
			}
			_, lines = read("end=2001-01-01T00:00:00Z")
			wants(lines, "", "until long ago")
		}
		service := x.services()
		if !strings.Contains(strings.Join(service.Features, " "), "urn:xmpp:mam:2") {
			t.Errorf("%+v", service)
		}
		x.check("ok rooms rooms.localhost rooms can have an archive (XEP-0313)")
	})
}

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
				x.file = c.Write(t, t.TempDir())
				text, err := os.ReadFile(x.file)
				if err == nil {
					err = os.WriteFile(x.file, fmt.Appendf(text, "\nrooms:\n  - {jid: %s, from: echo@event.localhost, nick: Echo, create: true}\n", room), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
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

// With mod_privilege, ejabberd 24.12 answers no IQ of a component to rooms, and says nothing:
// joins, messages and restarts work, and what does not is said with the reason. ejabberd 23.01
// answers.
func TestRoomsWithoutIQs(t *testing.T) {
	t.Parallel()
	o := harness.ServerOptions(lab.Ejabberd)
	o.Components = []lab.Component{{Domain: "event.localhost", Secret: harness.Secret, Privileged: true}}
	s := roomsServer(t, o, "", nil)
	x := launchInRooms(t, s, "")
	const path = "/v1/rooms/new@rooms.localhost"
	x.call("PUT", path+"?wait=60s", `{"from":"echo@event.localhost","nick":"Echo","create":true,"config":{"persistentroom":true}}`, 200, `"state":"joined"`)
	alice := harness.Login(t, s, "alice")
	join := func(nick string) {
		t.Helper()
		alice.Send("<presence to='new@rooms.localhost/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", nick)
		alice.Await("her own presence in the room", func(r lab.Received) bool {
			return r.Kind == "presence" && strings.HasSuffix(r.From, "/"+nick) && strings.Contains(r.Inner, "110")
		})
	}
	join("alice")
	x.call("POST", "/v1/messages?wait=30s&wait_for=echoed", `{"from":"echo@event.localhost","to":"new@rooms.localhost","body":"hello"}`, 200, `"echoed"`)
	alice.Await("what the bot says", func(r lab.Received) bool { return r.Body == "hello" && r.Type == "groupchat" })
	x.Kill()
	x.Program = harness.LaunchFile(t, x.file)
	harness.Eventually(t, "the room is joined again", func() bool {
		st, _ := x.rooms()
		return st.Rooms.Joined == 1
	})
	alice.Send("<message to='new@rooms.localhost' type='groupchat' id='again'><body>are you there?</body></message>")
	harness.Eventually(t, "the event", func() bool {
		for _, h := range x.bot.Got() {
			if strings.Contains(h.Raw, "are you there?") {
				return true
			}
		}
		return false
	})
	service := x.services()
	if os.Getenv("EJABBERD_ROOT") == "" { // 23.01
		x.call("GET", path+"/config", "", 200, "muc#roomconfig_roomname")
		if !*service.Answers || service.Advice != nil {
			t.Errorf("%+v", service)
		}
		return
	}
	for _, what := range []string{"/config", "/history"} {
		x.call("GET", path+what, "", 504, "24.10 or newer with mod_privilege", "without mod_privilege")
	}
	if *service.Answers || !strings.Contains(advice(service), "mod_privilege") {
		t.Errorf("%+v %s", service, advice(service))
	}
	x.check("warn rooms rooms.localhost it answers no IQs", "mod_privilege")
	x.shows([]string{"status"}, "rooms.localhost rooms not known no 1 joined")
}
