//go:build integration

package link

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

const buttonsConfig = `
components: [{domain: event.localhost, server: %q, secret: %q}]
endpoints: [{name: bot, url: %q}]
rooms: [{jid: open@rooms.localhost, from: echo@event.localhost, nick: Bot, create: true, config: {whois: anyone}}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`

// Buttons for a client that owes nothing to us, on both servers: in answers of webhooks and by
// API, in chats, rooms, and with one occupant; chosen by number, label and action, by who was
// asked and by others, and in the next process. What is said for it in chats is in testdata.
func TestButtons(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		events := make(chan map[string]any, 100)
		said := harness.NewTranscript(t, func(stanza string) bool {
			return strings.Contains(stanza, "echo@event.localhost") && !strings.Contains(stanza, "rooms.localhost")
		}, "alice", "bob")
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var ev struct{ Data map[string]any }
			if err := json.NewDecoder(r.Body).Decode(&ev); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			if ev.Data["body"] == "ask" {
				const answer = `{"body":"Sure?","buttons":[{"label":"Yes, now","value":"yes"},"No"]}`
				said.Got("a message: ask, and answers " + answer)
				_, _ = io.WriteString(w, answer)
				return
			}
			if ev.Data["event"] == "message" {
				choice, err := json.Marshal(map[string]any{"text": ev.Data["text"], "choice": ev.Data["choice"]})
				if err != nil {
					t.Error(err)
				}
				said.Got("a message: " + string(choice))
				events <- ev.Data
			}
		}))
		t.Cleanup(hook.Close)
		s := harness.StartServer(t, harness.WithRooms(harness.ServerOptions(kind, "event")))
		dir := t.TempDir()
		file := harness.WriteConfig(t, dir, fmt.Sprintf(buttonsConfig, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, hook.URL, filepath.Join(dir, "store")))
		p := harness.LaunchLinked(t, file)
		event := func(who *runner, choice any, more ...string) map[string]any {
			t.Helper()
			select {
			case ev := <-events:
				who.is("choice", ev["choice"], choice)
				for _, part := range more {
					if text := fmt.Sprint(ev); !strings.Contains(text, part) {
						t.Errorf("%s has no %s", text, part)
					}
				}
				return ev
			case <-time.After(20 * time.Second):
				t.Fatal("no event")
				return nil
			}
		}
		post := func(to, more string) (ref string) {
			t.Helper()
			var sent struct{ Ref string }
			r := said.CallBy(p, "", "POST", "/v1/messages?wait=10s", harness.AsJSON, fmt.Sprintf(`{"from":"echo@event.localhost","to":%q,"body":"Tea?","buttons":["Green",{"label":"Black","value":"b"}]%s}`, to, more))
			if r.Status != 200 || json.Unmarshal([]byte(r.Body), &sent) != nil {
				t.Fatal(r)
			}
			return sent.Ref
		}
		alice, bob := runCommands(t, said.Through("alice", s.ClientAddr()).Addr(), "alice", "echo@event.localhost"), runCommands(t, said.Through("bob", s.ClientAddr()).Addr(), "bob", "echo@event.localhost")
		alice.said, bob.said = said, said
		const room, roomBot = "open@rooms.localhost", "open@rooms.localhost/Bot"
		tea := [][]string{{"Green", "Green"}, {"Black", "b"}}

		asked := alice.do(`{"say":"ask"}`)
		alice.is("question", []any{asked.Body, asked.Buttons}, []any{"Sure?\n1) Yes, now\n2) No", [][]string{{"Yes, now", "yes"}, {"No", "No"}}})
		for _, x := range [][2]string{{"1", "yes"}, {"yes, now", "yes"}, {"no", "No"}, {"yes", "yes"}} {
			alice.do(`{"say":%q,"quiet":true}`, x[0])
			event(alice, x[1], "ref_of:r1_", "text:"+x[0])
		}
		alice.do(`{"choose":"No"}`)
		event(alice, "No", "action-selected")
		alice.do(`{"choose":"Nobody"}`)
		event(alice, nil, "action-selected")
		bob.do(`{"say":"1","quiet":true}`)
		event(bob, nil)

		alice.said, bob.said = nil, nil
		said.Step("the bot asks by the API")
		ref := post("alice@localhost", "")
		asked = alice.do(`{"read":true}`)
		alice.is("by API", []any{asked.Body, asked.Buttons}, []any{"Tea?\n1) Green\n2) Black", tea})
		said.Step("")
		p.Stop()
		p = harness.LaunchLinked(t, file)
		said.Step("the next process knows what was asked")
		alice.do(`{"say":"2","quiet":true}`)
		event(alice, "b", "ref_of:"+ref)
		said.Compare("buttons", kind, *update)

		harness.Eventually(t, "the bot is in the room", func() bool {
			r, err := p.Call("GET", "/v1/rooms/"+room, "", "", "")
			return err == nil && strings.Contains(r.Body, `"state":"joined"`)
		})
		for nick, who := range map[string]*runner{"alice": alice, "bob": bob} {
			who.do(`{"join":"%s","nick":"%s"}`, room, nick)
		}
		ref = post(room, "")
		for nick, who := range map[string]*runner{"alice": alice, "bob": bob} {
			asked = who.do(`{"read":true,"to":"%s"}`, room)
			who.is("in a room", []any{asked.From, asked.Buttons}, []any{roomBot, tea})
			who.do(`{"say":"2","to":"%s","type":"groupchat","quiet":true}`, room)
			event(who, "b", "ref_of:"+ref, "nick:"+nick, "mention:true")
		}
		alice.do(`{"choose":"Green","to":"%s","type":"groupchat"}`, room)
		event(alice, "Green", "nick:alice")

		// One occupant: it is a conversation of its own, by API and in the answer of a webhook.
		ref = post(room+"/alice", "")
		for {
			if asked = alice.do(`{"read":true,"to":"%s"}`, roomBot); strings.HasPrefix(asked.Body, "Tea?") {
				break
			}
		}
		alice.do(`{"say":"1","to":"%s","quiet":true}`, roomBot)
		event(alice, "Green", "ref_of:"+ref)
		bob.do(`{"say":"1","to":"%s","quiet":true}`, roomBot)
		event(bob, nil)
		asked = bob.do(`{"say":"ask","to":"%s"}`, roomBot)
		for !strings.HasPrefix(asked.Body, "Sure?") {
			asked = bob.do(`{"read":true,"to":"%s"}`, roomBot)
		}
		bob.do(`{"say":"1","to":"%s","quiet":true}`, roomBot)
		event(bob, "yes")
	})
}
