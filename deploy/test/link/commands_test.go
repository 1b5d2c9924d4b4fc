//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// ran is what came of a request to testdata/commands.py.
type ran struct {
	Nodes, Features, Actions, Required, Detail, Columns []string
	Identities, Notes                                   [][]string
	Status, Session, Form, Error, Type, Text            string
	From, Body                                          string
	Buttons                                             [][]string
	Values                                              map[string]any
	Rows                                                []map[string]any
}

// runner is somebody who runs commands.
type runner struct {
	t    *testing.T
	in   io.Writer
	outs *json.Decoder
	// what is said for it; nil: that is not kept
	said    *harness.Transcript
	name    string
	session string // that goes on
}

func runCommands(t *testing.T, server, user, bot string) *runner {
	t.Helper()
	in, outs := harness.StartPerson(t, "testdata/commands.py", user, "commands", server, bot)
	return &runner{t: t, in: in, outs: outs, name: user}
}

// do makes a request: JSON as the script has it.
func (r *runner) do(format string, args ...any) (got ran) {
	r.t.Helper()
	if r.said != nil {
		r.said.Step(r.name + " " + fmt.Sprintf(format, args...))
	}
	if _, err := fmt.Fprintf(r.in, format+"\n", args...); err != nil {
		r.t.Fatal(err)
	}
	if err := r.outs.Decode(&got); err != nil {
		r.t.Fatalf(format+": %v", append(args, err)...)
	}
	return got
}

func (r *runner) is(what string, got, want any) {
	r.t.Helper()
	if !reflect.DeepEqual(got, want) {
		r.t.Errorf("%s: %v, not %v", what, got, want)
	}
}

const commandsConfig = `
commands:
  - node: deploy
    name: Deploy
    bots: [echo@event.localhost]
    allow: [alice@localhost]
    url: %[1]s
    chat: /deploy
    form:
      title: Deploy
      fields:
        - {name: env, type: list, label: Environment, options: {staging: Staging, prod: Production}, required: true}
        - {name: dry, type: boolean, value: true}
        - {name: count, type: number, min: 1, integer: true}
        - {name: who, type: jid-multi}
    forms: {sure: {fields: [{name: sure, type: boolean, required: true}]}}
  - {node: slow, bots: [echo@event.localhost], allow: ["*@localhost"], url: "%[1]s", timeout: 300ms}
rooms:
  - {jid: open@rooms.localhost, from: echo@event.localhost, nick: Bot, create: true, config: {whois: anyone}}
`

// Commands by a client that owes nothing to us, on both servers: lists, forms, steps, results,
// errors, whose sessions they are; in rooms, and as lines of chats.
func TestCommands(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		said := harness.NewTranscript(t, harness.Between("echo@event.localhost", "open@rooms.localhost", "Bot", "echo@event.localhost", "open@rooms.localhost"), "alice", "bob")
		events := make(chan map[string]any, 100)
		end := make(chan struct{})
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var ev struct {
				Type string
				Data map[string]any
			}
			if err := json.NewDecoder(r.Body).Decode(&ev); err != nil || ev.Type != "command.submit" {
				t.Errorf("%+v %v", ev, err)
			}
			events <- ev.Data
			data, err := json.Marshal(ev.Data)
			if err != nil {
				t.Error(err)
			}
			said.Got(string(data))
			values, _ := ev.Data["values"].(map[string]any)
			w.Header().Set("Content-Type", "application/json")
			switch {
			case ev.Data["node"] == "slow":
				<-end
			case values["env"] == "staging" && values["sure"] == nil:
				_, _ = io.WriteString(w, `{"form":"sure"}`)
			case values["dry"] == true:
				w.WriteHeader(http.StatusConflict)
				_, _ = io.WriteString(w, `{"error":"not on Fridays"}`)
			default:
				_, _ = io.WriteString(w, `{"result":{"title":"Deployed","columns":["host","state"],"rows":[["a","up"],["b","down"]]}}`)
			}
		}))
		t.Cleanup(hook.Close)
		t.Cleanup(func() { close(end) })
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		c.More = fmt.Sprintf(commandsConfig, hook.URL)
		p := harness.LaunchLinked(t, c.Write(t, t.TempDir()))
		event := func() map[string]any {
			t.Helper()
			select {
			case ev := <-events:
				return ev
			case <-time.After(20 * time.Second):
				t.Fatal("no event")
				return nil
			}
		}
		harness.Eventually(t, "the bot is in the room", func() bool {
			r, err := p.Call("GET", "/v1/rooms/open@rooms.localhost", "token-all", "", "")
			return err == nil && strings.Contains(r.Body, `"state":"joined"`)
		})
		alice := runCommands(t, said.Through("alice", s.ClientAddr()).Addr(), "alice", "echo@event.localhost")
		bob := runCommands(t, said.Through("bob", s.ClientAddr()).Addr(), "bob", "echo@event.localhost")
		alice.said, bob.said = said, said

		alice.is("nodes", alice.do(`{"list":true}`).Nodes, []string{"deploy", "slow"})
		bob.is("nodes", bob.do(`{"list":true}`).Nodes, []string{"slow"})
		info := alice.do(`{"info":"deploy"}`)
		alice.is("identities", info.Identities, [][]string{{"automation", "command-node"}})
		if f := strings.Join(alice.do(`{"info":""}`).Features, " "); !strings.Contains(f, "http://jabber.org/protocol/commands") || !strings.Contains(f, "jabber:x:data") {
			t.Errorf("features: %s", f)
		}
		bob.is("another's node", bob.do(`{"info":"deploy"}`).Error, "item-not-found")
		bob.is("another's command", bob.do(`{"run":"deploy"}`).Error, "item-not-found")

		// As Gajim does it: execute, and complete with the form.
		form := alice.do(`{"run":"deploy"}`)
		alice.is("form", []any{form.Status, form.Form, form.Required, form.Actions, form.Values["dry"]}, []any{"executing", "form", []string{"env"}, []string{"complete"}, true})
		wrong := alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{"dry":"0"}}`, form.Session)
		alice.is("missing", []any{wrong.Status, wrong.Notes}, []any{"executing", [][]string{{"error", "Environment: is missing; choose one"}}})
		for _, x := range []struct{ values, note string }{
			{`"env":"moon"`, `Environment: "moon" is none of staging, prod`},
			{`"env":"prod","dry":"perhaps"`, `dry: "perhaps" is not yes or no`},
			{`"env":"prod","count":"0"`, "count: 0 is less than 1"},
			{`"env":"prod","count":"1.5"`, `count: "1.5" is not a whole number`},
			{`"env":"prod","who":["a@","b"]`, `who: "a@" is not an address; write for example juliet@example.com`},
		} {
			alice.is(x.values, alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{%s}}`, form.Session, x.values).Notes, [][]string{{"error", x.note}})
		}
		if len(events) > 0 {
			t.Error("the webhook was asked about wrong values")
		}
		refused := alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{"env":"prod","dry":"1"}}`, form.Session)
		alice.is("refused", []string{refused.Error, refused.Type, refused.Text}, []string{"bad-request", "modify", "not on Fridays"})
		event()
		done := alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{"env":"prod","dry":"0","count":"3","who":["Bob@localhost"]}}`, form.Session)
		alice.is("table", []any{done.Status, done.Form, done.Columns, len(done.Rows), done.Rows[1]["state"]}, []any{"completed", "result", []string{"host", "state"}, 2, "down"})
		ev := event()
		alice.is("event", []any{ev["from"], ev["to"], ev["action"], ev["room"], ev["values"]}, []any{"alice@localhost/commands", "echo@event.localhost", "complete", nil,
			map[string]any{"env": "prod", "dry": false, "count": 3.0, "who": []any{"bob@localhost"}}})

		// Two steps, back, and on again.
		form = alice.do(`{"run":"deploy"}`)
		second := alice.do(`{"run":"deploy","session":"%s","action":"next","values":{"env":"staging","dry":"0"}}`, form.Session)
		alice.is("second step", []any{second.Status, second.Required, second.Actions}, []any{"executing", []string{"sure"}, []string{"complete", "prev"}})
		event()
		back := alice.do(`{"run":"deploy","session":"%s","action":"prev"}`, form.Session)
		alice.is("back", []any{back.Values["env"], back.Values["dry"]}, []any{"staging", false})
		alice.do(`{"run":"deploy","session":"%s","action":"next","values":{"env":"staging","dry":"0"}}`, form.Session)
		event()
		alice.is("end", alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{"sure":"1"}}`, form.Session).Status, "completed")
		if ev := event(); ev["step"] != 1.0 || fmt.Sprint(ev["values"]) != "map[dry:false env:staging sure:true]" {
			t.Errorf("%v", ev)
		}

		form = alice.do(`{"run":"slow"}`)
		alice.is("slow", []string{form.Error, form.Type}, []string{"remote-server-timeout", "wait"})
		event()
		form = alice.do(`{"run":"deploy"}`)
		alice.is("cancel", alice.do(`{"run":"deploy","session":"%s","action":"cancel"}`, form.Session).Status, "canceled")
		alice.is("after it", alice.do(`{"run":"deploy","session":"%s","action":"complete","values":{"env":"prod"}}`, form.Session).Detail, []string{"bad-sessionid"})
		first := alice.do(`{"run":"deploy"}`).Session
		alice.said = nil
		said.Step("")
		for range 33 { // more than one person may have
			form = alice.do(`{"run":"deploy"}`)
		}
		alice.said = said
		alice.is("one too many", alice.do(`{"run":"deploy","session":"%s"}`, first).Detail, []string{"bad-sessionid"})
		alice.is("the last one", alice.do(`{"run":"deploy","session":"%s"}`, form.Session).Status, "executing")

		// Lines of chats.
		alice.is("question", alice.do(`{"say":"/deploy dry=no"}`).Body, "Environment?\n- staging: Staging\n- prod: Production\n(/cancel ends this)")
		alice.is("answer", alice.do(`{"say":"Production"}`).Body, "Deployed\nhost | state\na | up\nb | down")
		event()
		alice.is("help", alice.do(`{"say":"/help"}`).Body, "Commands:\n/deploy env=… [dry=…] [count=…] [who=…] - Deploy")
		if got := bob.do(`{"say":"/deploy env=prod"}`).Body; strings.Contains(got, "Deployed") || !strings.Contains(got, "/deploy env=prod") {
			t.Errorf("the line of one who may not: %q", got) // the endpoint's bot says it again
		}

		// In rooms: the real address, if it is known.
		alice.do(`{"join":"open@rooms.localhost","nick":"alice"}`)
		harness.Eventually(t, "the bot sees alice", func() bool {
			r, err := p.Call("GET", "/v1/rooms/open@rooms.localhost/occupants", "token-all", "", "")
			return err == nil && strings.Contains(r.Body, `"nick":"alice"`)
		})
		got := alice.do(`{"say":"/deploy env=prod dry=no","to":"open@rooms.localhost","type":"groupchat"}`)
		alice.is("in a room", []string{got.From, got.Body}, []string{"open@rooms.localhost/Bot", "alice: Deployed\nhost | state\na | up\nb | down"})
		if ev := event(); ev["from"] != "alice@localhost" || fmt.Sprint(ev["room"]) != "map[jid:open@rooms.localhost nick:alice]" {
			t.Errorf("%v", ev)
		}
		alice.is("by the room", alice.do(`{"run":"deploy","to":"open@rooms.localhost/Bot"}`).Status, "executing")
		if r, err := p.Call("GET", "/v1/commands/deploy/runs", "token-admin", "", ""); err != nil || !strings.Contains(r.Body, `"room":"open@rooms.localhost","by":"chat"`) || strings.Contains(r.Body, "staging") {
			t.Errorf("%v %v", r, err)
		}
		said.Compare("commands", kind, *update)
	})
}
