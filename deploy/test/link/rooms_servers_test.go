//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	v1 "stanzahook/httpapi/v1"
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
	said *harness.Transcript // nil: none
}

func launchInRooms(t *testing.T, s *lab.Server, rooms string) inRooms {
	t.Helper()
	return inRooms{T: t}.launchThrough(s.ComponentAddr(), s, rooms)
}

// launchSaid is launchInRooms with a transcript of what is said of one room: of IQs those that ask for
// its form, and submit it.
func launchSaid(t *testing.T, s *lab.Server, rooms, room string) inRooms {
	t.Helper()
	said := harness.NewTranscript(t, func(stanza string) bool {
		form := strings.Contains(stanza, "muc#owner") && !strings.Contains(strings.ReplaceAll(stanza, `"`, "'"), " type='result'")
		return strings.Contains(stanza, room) && (form || !strings.HasPrefix(stanza, "<iq "))
	})
	return inRooms{T: t, said: said}.launchThrough(said.Through("component", s.ComponentAddr()).Addr(), s, rooms)
}

func (x inRooms) launchThrough(addr string, s *lab.Server, rooms string) inRooms {
	t := x.T
	t.Helper()
	x.bot = harness.NewBot(t)
	x.bot.AnswerWith(func(*harness.Hook) (int, string, string) { return 204, "", "" })
	config := harness.OneComponent(s, "event", x.bot)
	config.Components[0].Server, config.More = addr, rooms
	x.file = config.Write(t, t.TempDir())
	x.Program = harness.LaunchFile(t, x.file)
	return x
}

// call makes a request and returns its answer, which must have the status and all parts.
func (x inRooms) call(method, path, body string, status int, parts ...string) string {
	x.T.Helper()
	r, err := x.Call(method, path, "token-all", harness.AsJSON, body)
	if x.said != nil {
		x.said.Sent(strings.TrimSpace(method + " " + path + " " + body))
		answer := asKnown.ReplaceAllString(r.Body, `"$1":"as known"`)
		x.said.Got(fmt.Sprint(r.Status, " ", onItsWay.ReplaceAllString(answer, `"state":"on its way"`)))
	}
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

// asKnown are values that the bot asks the room for, and does not wait for.
var asKnown = regexp.MustCompile(`"(anonymous|ids|archive)":(true|false)`)

// onItsWay is where a bot stands that has just been sent into a room.
var onItsWay = regexp.MustCompile(`"state":"(joining|waiting)","since":"[^"]*","condition":null`)

// step begins a step of the transcript; without a name nothing is kept.
func (x inRooms) step(name string) {
	if x.said != nil {
		x.said.Step(name)
	}
}

// advised has the advice on a service in the transcript.
func (x inRooms) advised(s v1.ServiceStatus) {
	x.step("what the status advises")
	x.said.Got(advice(s))
	x.step("")
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

// runs runs the program, and returns what it prints, with single blanks, and as it is.
func (x inRooms) runs(args ...string) (as, plain, errs string) {
	x.T.Helper()
	env := []string{"STANZAHOOK_API=http://" + x.Addr, "STANZAHOOK_TOKEN=token-admin"}
	_, as, errs = harness.RunProgram(x.T, env, args...)
	return as, strings.Join(strings.Fields(as), " "), errs
}

// shows runs the program, and looks for what it prints.
func (x inRooms) shows(args []string, parts ...string) {
	x.T.Helper()
	out, plain, errs := x.runs(args...)
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
	const room, path = "new@rooms.localhost", "/v1/rooms/new@rooms.localhost"
	x := launchSaid(t, s, "", room)
	x.step("a program: PUT, with a form that the room answers or not")
	x.call("PUT", path+"?wait=60s", `{"from":"echo@event.localhost","nick":"Echo","create":true,"config":{"persistentroom":true}}`, 200, `"state":"joined"`)
	x.step("")
	alice := harness.Login(t, s, "alice")
	alice.Send("<presence to='new@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	alice.Await("her own presence in the room", func(r lab.Received) bool {
		return r.Kind == "presence" && strings.HasSuffix(r.From, "/alice") && strings.Contains(r.Inner, "110")
	})
	alice.Send("<message to='new@rooms.localhost' type='groupchat' id='hi'><body>hi</body></message>")
	x.hears("hi")
	x.step("a program: POST")
	x.call("POST", "/v1/messages?wait=30s&wait_for=echoed", `{"from":"echo@event.localhost","to":"new@rooms.localhost","body":"hello"}`, 200, `"echoed"`)
	alice.Await("what the bot says", func(r lab.Received) bool { return r.Body == "hello" && r.Type == "groupchat" })
	x.Kill()
	x.step("it is killed; the next process")
	x.Program = harness.LaunchFile(t, x.file)
	harness.Eventually(t, "the room is joined again", func() bool {
		st, _ := x.rooms()
		return st.Rooms.Joined == 1
	})
	x.step("alice speaks")
	alice.Send("<message to='new@rooms.localhost' type='groupchat' id='again'><body>are you there?</body></message>")
	x.hears("are you there?")
	x.step("")
	service := x.services()
	if os.Getenv("EJABBERD_ROOT") == "" { // 23.01
		x.call("GET", path+"/config", "", 200, "muc#roomconfig_roomname")
		if !*service.Answers || service.Advice != nil {
			t.Errorf("%+v", service)
		}
		x.said.Compare("rooms-privileged", lab.Ejabberd, *update)
		return
	}
	for _, what := range []string{"/config", "/history"} {
		x.step("a program: GET")
		x.call("GET", path+what, "", 504, "24.10 or newer with mod_privilege", "without mod_privilege")
	}
	if *service.Answers || !strings.Contains(advice(service), "mod_privilege") {
		t.Errorf("%+v %s", service, advice(service))
	}
	x.advised(service)
	x.check("warn rooms rooms.localhost it answers no IQs", "mod_privilege")
	x.shows([]string{"status"}, "rooms.localhost rooms not known no 1 joined")
	x.said.Compare("rooms-privileged", lab.Ejabberd, *update)
}

// hears waits for the event of a text.
func (x inRooms) hears(text string) {
	x.T.Helper()
	harness.Eventually(x.T, "the event of "+text, func() bool {
		return slices.ContainsFunc(x.bot.Got(), func(h harness.Hook) bool { return strings.Contains(h.Raw, `"body":"`+text+`"`) })
	})
}
