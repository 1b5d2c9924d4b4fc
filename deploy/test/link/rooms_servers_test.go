//go:build integration

package link

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
	require.NoError(t, err)
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
	require.NoError(x.T, err)
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
