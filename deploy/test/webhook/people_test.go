//go:build integration

package webhook

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// person is somebody with slixmpp.
type person struct {
	t  *testing.T
	in io.Writer
	n  int

	mu   sync.Mutex
	came []heard
}

// heard is a message as slixmpp reads it.
type heard struct {
	From, Type, ID, Body, Receipt, Replace, Displayed, Retract, Said string
	OriginID                                                         string `json:"origin_id"`
	StanzaID                                                         string `json:"stanza_id"`
	ChatState                                                        string `json:"chat_state"`
	WantsReceipt                                                     bool   `json:"wants_receipt"`
	Markable                                                         bool
	React                                                            *struct {
		To    string
		Emoji []string
	}
	Reply *struct{ ID, To string }
	Hints []string

	Presence *struct {
		From, Type string
		Codes      []int
	}
	IQ *struct{ ID, Type string }
}

type doing map[string]any

func newPerson(t *testing.T, server, user string) *person {
	t.Helper()
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/people.py", user+"@localhost/slix", harness.Password, host, port)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs := &harness.Logbook{}
	cmd.Stderr = errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	harness.ShowLog(t, "slixmpp", errs.String)
	p, came := &person{t: t, in: in}, &harness.Logbook{}
	harness.ShowLog(t, "what came to slixmpp", came.String)
	ready := make(chan bool)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			_, _ = came.Write(append(lines.Bytes(), '\n'))
			if lines.Text() == `"ready"` {
				close(ready)
				continue
			}
			var h heard
			if err := json.Unmarshal(lines.Bytes(), &h); err == nil {
				p.mu.Lock()
				p.came = append(p.came, h)
				p.mu.Unlock()
			}
		}
	}()
	harness.Eventually(t, "slixmpp is logged in", func() bool {
		select {
		case <-ready:
			return true
		default:
			return false
		}
	})
	return p
}

// does lets them do something, and returns the id of the message.
func (p *person) does(what string, o doing) string {
	p.t.Helper()
	p.n++
	id := fmt.Sprint(what, "-", p.n)
	o["do"], o["id"] = what, id
	line, err := json.Marshal(o)
	if err == nil {
		_, err = p.in.Write(append(line, '\n'))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return id
}

// gets waits for a message, and takes it.
func (p *person) gets(what string, is func(h heard) bool) (found heard) {
	p.t.Helper()
	harness.Eventually(p.t, "slixmpp gets "+what, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, h := range p.came {
			if is(h) {
				found, p.came = h, append(p.came[:i:i], p.came[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

// said is an event of a bot, as far as these tests read it.
type said struct {
	Type string
	Data struct {
		ID, Body, Text, Event, Ref, Reason, Inviter string
		RefOf                                       string `json:"ref_of"`
		Foreign                                     *bool
		Emoji                                       []string
		Attachments                                 []struct {
			URL, Source string
			Name        *string
			Size        *int64
		}
		Encrypted struct{ Name, Namespace string }
		Fallback  string `json:"fallback_body"`
		Room      struct{ JID, Nick string }
	}
	raw string
}

// listener is a bot that hears everything. To "answer {…}" it answers so, with earlier for REF.
type listener struct {
	t   *testing.T
	url string

	mu      sync.Mutex
	came    []said
	seen    map[string]bool      // webhook-ids: a repeated delivery, as after a kill, does not count
	answer  func(ev said) string // JSON; nil or empty: none
	earlier string
}

func newListener(t *testing.T) *listener {
	l := &listener{t: t, seen: make(map[string]bool)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev said
		if data, _ := io.ReadAll(r.Body); json.Unmarshal(data, &ev) == nil {
			ev.raw = string(data)
			l.mu.Lock()
			if id := r.Header.Get("Webhook-Id"); !l.seen[id] {
				l.seen[id] = true
				l.came = append(l.came, ev)
			}
			answer := l.answer
			l.mu.Unlock()
			if answer != nil {
				if text := answer(ev); text != "" {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, text) // the program may be gone
					return
				}
			}
		}
		if answer, ok := strings.CutPrefix(ev.Data.Text, "answer "); ok {
			l.mu.Lock()
			answer = strings.ReplaceAll(answer, "REF", l.earlier)
			l.mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// event waits for an event of a type, of the message with this id unless it is empty, and
// takes it.
func (l *listener) event(typ, id string) (found said) {
	l.t.Helper()
	return l.take(typ+" "+id, func(ev said) bool { return ev.Type == typ && (id == "" || ev.Data.ID == id) })
}

// take waits for an event, and takes it.
func (l *listener) take(what string, is func(ev said) bool) (found said) {
	l.t.Helper()
	harness.Eventually(l.t, what, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for i, ev := range l.came {
			if is(ev) {
				found, l.came = ev, append(l.came[:i:i], l.came[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

// peopleStage is a bot in two rooms, one with an archive, and somebody who talks to it there
// and alone.
type peopleStage struct {
	*testing.T
	*person
	*listener
	p     *harness.Program
	said  *harness.Transcript // nil: none
	token string
	whole bool // what follows is no step of its own
}

const (
	slixBot  = "echo@people.localhost"
	archived = "archived@rooms.localhost"
	plain    = "plain@rooms.localhost"
)

func newPeopleStage(t *testing.T, kind lab.Kind) *peopleStage {
	s := harness.StartServer(t, harness.WithManyRooms(harness.ServerOptions(kind, "people")))
	said := harness.NewTranscript(t, func(stanza string) bool {
		q := strings.ReplaceAll(stanza, `"`, "'")
		for _, room := range []string{archived, plain} {
			back := strings.Contains(q, " from='"+room+"/Sybil'") && strings.Contains(q, " to='sybil@localhost/slix'") // it comes when the room likes to
			if back || !harness.Between(slixBot, room, "Echo", slixBot, archived, plain)(stanza) {
				return false
			}
		}
		return !strings.HasPrefix(stanza, "<presence")
	}, "sybil")
	alice := harness.Login(t, s, "alice")
	for i, room := range []string{plain, archived, "invited-invite@rooms.localhost", "invited-mediated@rooms.localhost"} {
		more := ""
		if kind == lab.Ejabberd {
			more = "<field var='muc#roomconfig_allowinvites'><value>1</value></field>"
		}
		if room == archived {
			more += harness.ArchivedRoom(kind)
		}
		alice.Send("<presence to='%s/alice'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
		alice.Send("<iq type='set' id='c%d' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", i, room, more)
		if r := alice.Await("the configuration", func(r lab.Received) bool { return r.Kind == "iq" && r.ID == fmt.Sprint("c", i) }); r.Type != "result" {
			t.Fatalf("%+v", r)
		}
	}
	l := newListener(t)
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: people.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q, encrypted: forward, events: [message, correction, reaction, retraction, marker, receipt, typing, invite, encrypted]}]
rooms:
  - {jid: %s, from: %s, nick: Echo}
  - {jid: %s, from: %s, nick: Echo}
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, l.url, archived, slixBot, plain, slixBot, filepath.Join(dir, "store")))
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	st := &peopleStage{T: t, listener: l, p: harness.LaunchLinked(t, file), said: said}
	for _, room := range []string{archived, plain} {
		l.event("room.joined", "")
		said.Knows(room)
	}
	st.person = newPerson(t, said.Through("sybil", s.ClientAddr()).Addr(), "sybil")
	return st
}

// sent is what POST, PATCH and PUT answer.
type sent struct {
	ID, Ref, State, Condition string
	Received, Displayed       string
	Reply, Quoted             *bool
}

func (st *peopleStage) call(status int, method, path, body string) (v sent) {
	st.T.Helper()
	st.step("a program: " + method)
	if st.said != nil {
		st.said.Sent(strings.TrimSpace(method + " " + path + " " + body))
	}
	r, err := st.p.Call(method, path, st.token, harness.AsJSON, body)
	if st.said != nil {
		answer := r.Body
		if !strings.Contains(path, "wait") { // whoever does not wait sees how far it is by chance
			answer = regexp.MustCompile(`"state":"(queued|confirmed|echoed)"`).ReplaceAllString(answer, `"state":"on its way"`)
		}
		answer = regexp.MustCompile(`"archive_id":"[^"]*"`).ReplaceAllString(answer, `"archive_id":"as the room has it"`)
		answer = regexp.MustCompile(`("muc#roomconfig_presencebroadcast"):\[[^\]]*\]`).ReplaceAllString(answer, `$1:"in any order"`)
		answer = regexp.MustCompile(`"xml":"(?:[^"\\]|\\.)*"`).ReplaceAllString(answer, `"xml":"attributes in any order"`)
		if strings.HasPrefix(path, "/v1/rooms") { // the bot asks for these, and does not wait for them
			answer = regexp.MustCompile(`"(anonymous|ids|archive)":(true|false)`).ReplaceAllString(answer, `"$1":"as known"`)
			if r.Status == http.StatusAccepted {
				answer = regexp.MustCompile(`"state":"(joining|waiting)"`).ReplaceAllString(answer, `"state":"on its way"`)
			}
		}
		st.said.Got(fmt.Sprint(r.Status, " ", answer))
	}
	if err != nil || r.Status != status || json.Unmarshal([]byte(r.Body), &v) != nil && status != http.StatusNoContent {
		st.Fatalf("%s %s %s: %d %s %v", method, path, body, r.Status, r.Body, err)
	}
	return v
}

// step begins a step of the transcript, if there is one.
func (st *peopleStage) step(name string) {
	if st.said != nil && !st.whole {
		st.said.Step(name)
	}
}

// does is that of a person, as a step of the transcript.
func (st *peopleStage) does(what string, o doing) string {
	st.T.Helper()
	st.step("sybil: " + what)
	return st.person.does(what, o)
}

// acts is does as a program of people writes it, see testdata/clients.py. Conversations gives some
// messages no id: then it is empty, and rooms give them one, or none.
func (st *peopleStage) acts(as, what string, o doing) string {
	st.T.Helper()
	st.step("sybil, with " + as + ": " + what)
	return st.writes(as, what, o)
}

// writes is acts in the step that there is already.
func (st *peopleStage) writes(as, what string, o doing) string {
	st.T.Helper()
	o["as"] = as
	id := st.person.does(what, o)
	if as == "Conversations" && slices.Contains([]string{"typing", "received", "displayed", "react", "react_words", "omemo_keys"}, what) {
		return ""
	}
	return id
}

// event is that of the listener. The transcript has it without the stanza, which it has already.
func (st *peopleStage) event(typ, id string) said {
	st.T.Helper()
	return st.got("event", st.listener.event(typ, id))
}

func (st *peopleStage) got(what string, ev said) said {
	st.T.Helper()
	var v struct {
		Type string         `json:"type"`
		Data map[string]any `json:"data"`
	}
	if err := json.Unmarshal([]byte(ev.raw), &v); err != nil {
		st.Fatal(err)
	}
	delete(v.Data, "stanza")
	delete(v.Data, "xml")
	text, err := json.Marshal(v)
	if err != nil {
		st.Fatal(err)
	}
	if st.said != nil {
		st.said.Got(what + " " + string(text))
	}
	return ev
}
