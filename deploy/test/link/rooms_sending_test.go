//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// sending is a program with a bot that takes its time, and rooms with an archive.
type sending struct {
	*testing.T
	p     *harness.Program
	relay *harness.Relay // to the server
	held  chan struct{}  // closed: what is held is answered
	alice harness.User
}

const (
	submitForm = "<iq type='set' id='open' to='%s@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>"
	slowAnswer = 3 * time.Second
)

func newSending(t *testing.T, kind lab.Kind, typing string) *sending {
	o := harness.WithRooms(harness.ServerOptions(kind, "event"))
	rooms := o.Edit
	o.Edit = func(config []byte) ([]byte, error) {
		config, err := rooms(config)
		if err != nil || kind == lab.Prosody {
			return append(config, "    modules_enabled = { \"muc_mam\" }\n"...), err
		}
		return harness.AddYAML(config, map[string]any{"modules": map[string]any{"mod_mam": map[string]any{}, "mod_muc": map[string]any{"default_room_options": map[string]any{"mam": true}}}})
	}
	s := &sending{T: t, held: make(chan struct{})}
	server := harness.StartServer(t, o)
	s.relay = harness.NewRelay(t, server.ComponentAddr())
	bot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct{ Data struct{ Body string } }
		_ = json.NewDecoder(r.Body).Decode(&ev)
		if strings.HasSuffix(ev.Data.Body, "held") {
			select {
			case <-s.held:
			case <-r.Context().Done():
			}
		}
		if strings.HasPrefix(ev.Data.Body, "slow") {
			time.Sleep(slowAnswer)
		}
		if ev.Data.Body == "refuse" {
			w.WriteHeader(400)
			return
		}
		if ev.Data.Body == "slow and silent" || ev.Data.Body == "" {
			w.WriteHeader(204)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "%q", "answer to "+ev.Data.Body)
	}))
	t.Cleanup(bot.Close)
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf("components: [{domain: event.localhost, server: %q, secret: %q}]\nendpoints: [{name: bot, url: %q, typing: %s}]\nhttp: {listen: \"127.0.0.1:0\", insecure_no_auth: true}\nstore: {dir: %q}\n",
		s.relay.Addr(), harness.Secret, bot.URL, typing, filepath.Join(dir, "store")))
	s.p = harness.LaunchLinked(t, file)
	s.alice = harness.Login(t, server, "alice")
	return s
}

// room makes one, whose form alice fills in.
func (s *sending) room(name, fields string) {
	s.Helper()
	s.alice.Send("<presence to='%s@rooms.localhost/alice'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", name)
	s.alice.Await("her own presence in the room", func(r lab.Received) bool {
		return r.Kind == "presence" && r.From == name+"@rooms.localhost/alice" && strings.Contains(r.Inner, "110")
	})
	s.alice.Send(submitForm, name, fields)
	s.alice.Await("the room is open", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "open" && r.Type == "result" })
}

func (s *sending) call(method, path, body string, status int, parts ...string) (answer struct{ ID, Ref string }) {
	s.Helper()
	r, err := s.p.Call(method, path, "", harness.AsJSON, body)
	if err != nil || r.Status != status {
		s.Fatalf("%s %s: %d %s %v, want %d", method, path, r.Status, r.Body, err, status)
	}
	for _, part := range parts {
		if !strings.Contains(r.Body, part) {
			s.Fatalf("%s %s: %s has no %s", method, path, r.Body, part)
		}
	}
	if r.Body != "" {
		if err := json.Unmarshal([]byte(r.Body), &answer); err != nil {
			s.Fatal(err)
		}
	}
	return answer
}

// A message joins its room; with wait the answer comes when all have it, or the room has
// refused it; a retraction may come at once.
func TestSendingToRooms(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newSending(t, kind, "{}")
		moderated := "" // on Prosody nobody but members would have a voice there; on ejabberd only there somebody can lose it
		if kind == lab.Ejabberd {
			moderated = "<field var='muc#roomconfig_moderatedroom'><value>1</value></field>"
		}
		s.room("lounge", moderated)
		s.room("closed", "<field var='muc#roomconfig_membersonly'><value>1</value></field>")
		say := func(room, body string) string {
			return fmt.Sprintf(`{"from":"echo@event.localhost","to":"%s@rooms.localhost","body":"%s"}`, room, body)
		}
		outside := strings.Replace(say("lounge", "from outside"), `"body"`, `"type":"groupchat","body"`, 1)
		harness.Eventually(t, "what is said from outside comes back while its caller waits", func() bool { // a room of ejabberd, a process of its own, may be late
			r, err := s.p.Call("POST", "/v1/messages?wait=5s", "", harness.AsJSON, outside)
			return err == nil && r.Status == 422 && strings.Contains(r.Body, `"condition":"not-acceptable"`)
		})
		sent := s.call("POST", "/v1/messages?join=1&wait=30s", say("lounge", "let me in"), 200, `"state":"echoed"`)
		s.alice.Await("what the bot says, with its origin-id", func(r lab.Received) bool {
			return r.Body == "let me in" && r.Type == "groupchat" && r.ID == sent.ID && strings.Contains(r.Inner, sent.ID)
		})
		s.call("GET", "/v1/rooms/lounge@rooms.localhost", "", 200, `"state":"joined"`, `"source":"api"`)
		s.call("POST", "/v1/messages?wait=30s", say("lounge", "and again"), 200, `"state":"echoed"`)
		s.call("POST", "/v1/messages?join=1&wait=30s", say("closed", "and here"), 422, `"condition":"registration-required"`, `"kept":false`)
		s.call("GET", "/v1/rooms/closed@rooms.localhost", "", 404)

		wrong := s.call("POST", "/v1/messages", say("lounge", "wrong"), 202)
		s.call("DELETE", "/v1/messages/"+wrong.Ref, "", 200)
		s.alice.Await("the retraction, by the room's id", func(r lab.Received) bool {
			return r.Type == "groupchat" && strings.Contains(r.Inner, "urn:xmpp:message-retract:1")
		})

		s.alice.Send("<iq type='set' id='mute' to='lounge@rooms.localhost'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='echo' role='visitor'/></query></iq>")
		s.alice.Await("the bot has no voice", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == "mute" && r.Type == "result" })
		harness.Eventually(t, "the bot knows that", func() bool {
			r, err := s.p.Call("GET", "/v1/rooms/lounge@rooms.localhost", "", "", "")
			return err == nil && strings.Contains(r.Body, `"role":"visitor"`)
		})
		s.call("POST", "/v1/messages?wait=30s", say("lounge", "no voice"), 422, `"condition":"forbidden"`)
	})
}

// The sender of a message sees that the bot types while its webhook works, in a room too if
// that is wanted, and no more when the answer is there, or there is none.
func TestTyping(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := newSending(t, kind, "{after: 1s, rooms: true}")
		s.room("lounge", "")
		s.call("PUT", "/v1/rooms/lounge@rooms.localhost?wait=30s", `{"from":"echo@event.localhost","nick":"Echo"}`, 200)
		// the chat states and bodies from the bot, until one comes
		until := func(from, want string) (all []string) {
			t.Helper()
			for {
				what := ""
				s.alice.Await(want, func(r lab.Received) bool {
					what = ""
					if r.Kind != "message" || !strings.HasPrefix(r.From, from) {
						return false
					}
					what = r.Body
					for _, state := range []string{"composing", "active"} {
						if strings.Contains(r.Inner, "<"+state+" ") || strings.Contains(r.Inner, "<"+state+"/") {
							what = state
						}
					}
					return what != ""
				})
				if all = append(all, what); what == want {
					return all
				}
			}
		}
		const echo = "echo@event.localhost"
		for _, c := range []struct{ body, until, want string }{
			{"fast", "answer to fast", "answer to fast"},
			{"slow", "answer to slow", "composing,answer to slow"},
			{"slow and silent", "active", "composing,active"},
			{"last", "answer to last", "answer to last"},
		} {
			s.alice.Send("<message type='chat' id='m' to='%s'><body>%s</body></message>", echo, c.body)
			if got := strings.Join(until(echo, c.until), ","); got != c.want {
				t.Errorf("%s: %s, not %s", c.body, got, c.want)
			}
		}
		s.alice.Send("<message type='groupchat' id='g' to='lounge@rooms.localhost'><body>slow for all</body></message>")
		if got := strings.Join(until("lounge@rooms.localhost/Echo", "answer to slow for all"), ","); got != "composing,answer to slow for all" {
			t.Errorf("in the room: %s", got)
		}
	})
}
