//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// allFields has a field of each type.
const allFields = `{"title":"All","instructions":"Each type","fields":[
	{"name":"about","type":"fixed","value":"Fill in"},{"name":"ticket","type":"hidden","value":"t-1"},{"name":"what","type":"text"},{"name":"lines","type":"text-multi"},
	{"name":"pin","type":"private"},{"name":"env","type":"list","options":{"a":"A","b":"B"}},{"name":"envs","type":"list-multi","options":{"a":"A","b":"B"}},
	{"name":"dry","type":"boolean","value":true},{"name":"who","type":"jid"},{"name":"them","type":"jid-multi"},{"name":"count","type":"number","min":1}]}`

// commandAnswers are answers of a webhook, by what it is asked for.
var commandAnswers = []struct {
	what, media, body string
	status            int
	shows             any // the status, the notes, the form, and the error
}{
	{"text", "text/plain", "Deployed.", 200, []any{"completed", [][]string{{"info", "Deployed."}}, "", ""}},
	{"note", harness.AsJSON, `{"note":{"type":"warn","text":"only half"}}`, 200, []any{"completed", [][]string{{"warn", "only half"}}, "", ""}},
	{"fields", harness.AsJSON, `{"result":{"title":"Took","fields":{"took":"3 s"}}}`, 200, []any{"completed", [][]string{}, "result", ""}},
	{"error", harness.AsJSON, `{"error":"no such host"}`, 200, []any{"completed", [][]string{{"error", "no such host"}}, "", ""}},
	{"nothing", "", "", 204, []any{"completed", [][]string{{"info", "Done."}}, "", ""}},
	{"later", "", "", 202, []any{"completed", [][]string{{"info", "Done."}}, "", ""}},
	{"refused", "text/plain", "not on Fridays", 403, []any{"", [][]string(nil), "", "modify bad-request not on Fridays"}},
	{"broken", "text/plain", "a secret of the bot", 500, []any{"", [][]string(nil), "", "wait recipient-unavailable the service does not work at the moment"}},
	{"form", harness.AsJSON, `{"form":{"title":"Sure?","fields":[{"name":"sure","type":"boolean","required":true}]}}`, 200, []any{"executing", [][]string{}, "form", ""}},
}

// A command of the API with a field of each type, each answer of its webhook, the sessions of
// others, and people whom a room hides; on both servers. What is said for it is in testdata.
func TestCommandsAnswers(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		said := harness.NewTranscript(t, harness.Between("echo@event.localhost", "shut@rooms.localhost", "Bot", "echo@event.localhost", "shut@rooms.localhost"), "alice", "bob")
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var ev struct {
				Data struct{ Values map[string]any }
			}
			raw, err := io.ReadAll(r.Body)
			if err != nil || json.Unmarshal(raw, &ev) != nil {
				t.Errorf("%s %v", raw, err)
			}
			values, err := json.Marshal(ev.Data.Values)
			if err != nil {
				t.Error(err)
			}
			for _, x := range commandAnswers {
				if ev.Data.Values["what"] == x.what {
					said.Got(fmt.Sprintf("the values %s, and answers %d %s %s", values, x.status, x.media, x.body))
					w.Header().Set("Content-Type", x.media)
					w.WriteHeader(x.status)
					_, _ = io.WriteString(w, x.body)
					return
				}
			}
			t.Errorf("the values %s", values)
		}))
		t.Cleanup(hook.Close)
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		c := harness.OneComponent(s, "event", harness.NewBot(t))
		c.Components[0].Server = said.Through("component", s.ComponentAddr()).Addr()
		p := harness.LaunchConnected(t, c)
		alice := runCommands(t, said.Through("alice", s.ClientAddr()).Addr(), "alice", "echo@event.localhost")
		bob := runCommands(t, said.Through("bob", s.ClientAddr()).Addr(), "bob", "echo@event.localhost")
		alice.said, bob.said = said, said
		for _, node := range []string{"all", "another"} {
			said.Step("the command " + node + " is made by the API")
			body := fmt.Sprintf(`{"bots":["echo@event.localhost"],"allow":["*@localhost"],"url":%q,"chat":"/%s","form":%s}`, hook.URL, node, strings.ReplaceAll(allFields, "\n\t", ""))
			if r := said.CallBy(p, "token-admin", "PUT", "/v1/commands/"+node, harness.AsJSON, body); r.Status != 201 {
				t.Fatal(r)
			}
		}
		alice.is("nodes", alice.do(`{"list":true}`).Nodes, []string{"all", "another"})
		for i, x := range commandAnswers {
			if i > 0 { // the form is in the transcript once
				alice.said = nil
				said.Step("")
			}
			form := alice.do(`{"run":"all"}`)
			alice.said = said
			values := fmt.Sprintf(`{"what":%q}`, x.what)
			if x.what == "text" {
				values = `{"ticket":"t-1","what":"text","lines":["a","b"],"pin":"1234","env":"b","envs":["a","b"],"dry":"0","who":"Bob@localhost","them":["bob@localhost","carol@localhost"],"count":"3"}`
			}
			got := alice.do(`{"run":"all","session":"%s","action":"complete","values":%s}`, form.Session, values)
			failure := ""
			if got.Error != "" {
				failure = strings.Join([]string{got.Type, got.Error, got.Text}, " ")
			}
			alice.is(x.what, []any{got.Status, got.Notes, got.Form, failure}, x.shows)
		}

		// Whose session it is.
		form := alice.do(`{"run":"all"}`)
		alice.is("bob in the session of alice", bob.do(`{"run":"all","session":"%s","action":"complete","values":{"what":"text"}}`, form.Session).Detail, []string{"bad-sessionid"})
		alice.is("her session for another command", alice.do(`{"run":"another","session":"%s","action":"complete","values":{"what":"text"}}`, form.Session).Detail, []string{"bad-sessionid"})
		alice.is("her session goes on", alice.do(`{"run":"all","session":"%s","action":"complete","values":{"what":"nothing"}}`, form.Session).Status, "completed")

		// In a room that hides who she is.
		alice.said, bob.said = nil, nil
		said.Step("")
		bob.do(`{"join":"shut@rooms.localhost","nick":"bob","create":true}`)
		if r, err := p.Call("PUT", "/v1/rooms/shut@rooms.localhost?wait=20s", "token-all", harness.AsJSON, `{"from":"echo@event.localhost","nick":"Bot"}`); err != nil || !strings.Contains(r.Body, `"state":"joined"`) {
			t.Fatal(r, err)
		}
		alice.do(`{"join":"shut@rooms.localhost","nick":"alice"}`)
		harness.Eventually(t, "the bot sees alice", func() bool {
			r, err := p.Call("GET", "/v1/rooms/shut@rooms.localhost/occupants", "token-all", "", "")
			return err == nil && strings.Contains(r.Body, `"nick":"alice"`)
		})
		alice.said = said
		if got := alice.do(`{"say":"/all what=text","to":"shut@rooms.localhost","type":"groupchat"}`); !strings.Contains(got.Body, "this room hides who you are") {
			t.Errorf("%+v", got)
		}
		for range 2 { // so that what bob hears of it is in this step
			bob.do(`{"read":true,"to":"shut@rooms.localhost"}`)
		}
		hidden := alice.do(`{"run":"all","to":"shut@rooms.localhost/Bot"}`)
		alice.is("a command by the room", []string{hidden.Type, hidden.Error}, []string{"auth", "forbidden"})

		alice.said = nil
		said.Step("the command is deleted")
		if r := said.CallBy(p, "token-admin", "DELETE", "/v1/commands/all", "", ""); r.Status != 204 {
			t.Error(r)
		}
		alice.said = said
		alice.is("it is gone", alice.do(`{"run":"all"}`).Error, "item-not-found")
		said.Compare("commands-answers", kind, *update)
	})
}
