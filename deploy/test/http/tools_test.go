//go:build integration

package http

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/httpapi/tools"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
)

const (
	agentBot   = "agent@tools.localhost"
	hiddenRoom = "hidden@rooms.localhost"
	noRoom     = "none@rooms.localhost"
)

// agents is a program with an agent's endpoint, and a user who talks with it.
type agents struct {
	callers
	way
	carol harness.User
	bare  string // carol's address

	used   map[string]bool
	ids    int
	cursor *string // of what the agent has heard
}

// Each tool by the official client of the Model Context Protocol, by raw JSON-RPC over HTTP, and by
// /v1/tools; what tokens may not; two agents at one endpoint. What is said for it is in testdata.
func TestTools(t *testing.T) {
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.WithManyRooms(harness.WithUploads(t, harness.ServerOptions(kind, "tools"), "tools.localhost")))
		addresses := []string{agentBot, hiddenRoom}
		for _, w := range ways {
			addresses = append(addresses, roomOf(w))
		}
		said := harness.NewTranscript(t, func(stanza string) bool {
			if one := strings.ReplaceAll(stanza, `"`, "'"); strings.Contains(one, " from='"+noRoom) || strings.Contains(one, "to='"+noRoom) && strings.Contains(one, "'unavailable'") {
				return false // that the agent leaves it is said when they like
			}
			for _, w := range ways {
				if !harness.Between(agentBot, roomOf(w), "Agent", addresses...)(stanza) {
					return false
				}
			}
			return true
		}, "carol")
		token := func(name, scopes, more string) string {
			return fmt.Sprintf("{name: %s, hash: %q, scopes: [%s]%s}", name, harness.HashOf(name), scopes, more)
		}
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
components: [{domain: tools.localhost, server: %q, secret: %q}]
endpoints:
  - {name: agent, match: {to: %q}, events: [message, correction, reaction, retraction]}
bots: [{jid: %s, name: Agent}]
http:
  listen: "127.0.0.1:0"
  tokens:
    - %s
    - %s
    - %s
mcp: {enabled: true}
store: {dir: store}
`, said.Through("component", s.ComponentAddr()).Addr(), harness.Secret, agentBot, agentBot, token("agent", "send, events, rooms, admin", ", endpoint: agent, from: ["+agentBot+"]"),
			token("narrow", "send, events", ", endpoint: agent, from: [other@tools.localhost], rooms: [other@rooms.localhost]"), token("reader", "read", ""))))
		a := &agents{callers: callers{t, p, said, make(map[string]*sdk.ClientSession)}, carol: harness.LoginBy(t, s, said.Through("carol", s.ClientAddr()).Addr(), "carol"), cursor: new(string)}
		a.bare, _, _ = strings.Cut(a.carol.JID(), "/")
		a.createRoom(hiddenRoom, "<field var='muc#roomconfig_membersonly'><value>1</value></field><field var='muc#roomconfig_publicroom'><value>0</value></field>")
		said.Step("the official client connects")
		a.client("agent")
		for _, w := range ways {
			a.way, a.used = w, make(map[string]bool)
			a.createRoom(a.room(), harness.ArchivedRoom(kind))
			a.messages()
			a.files()
			a.answers()
			a.rooms()
			a.together()
			a.limits()
			for _, tool := range tools.All() {
				if !a.used[tool.Name] {
					t.Errorf("%s was not run by %s", tool.Name, w.name)
				}
			}
		}
		a.strangers()
		said.Compare("tools", kind, *update)
	})
}

func roomOf(w way) string { return w.name + "@rooms.localhost" }

// step begins a step of the transcript; without a name nothing is written.
func (a *agents) step(format string, values ...any) {
	if format != "" {
		format = a.name + ": " + format
	}
	a.said.Step(fmt.Sprintf(format, values...))
}

// says has carol send a stanza, in a step of its own.
func (a *agents) says(step, format string, values ...any) {
	a.Helper()
	a.step("%s", step)
	a.carol.Send(format, values...)
}

func (a *agents) room() string { return roomOf(a.way) }

// createRoom makes a room, whose owner the user is.
func (a *agents) createRoom(room, fields string) {
	a.Helper()
	a.step("")
	a.ids++
	id := fmt.Sprint("room-", a.name, a.ids)
	a.carol.Send("<presence to='%s/carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
	a.carol.Send("<iq type='set' id='%s' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", id, room, fields)
	if r := a.carol.Await("the configuration of "+room, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id }); r.Type != "result" {
		a.Fatalf("%+v", r)
	}
}

// event is what an agent hears.
type event struct {
	Event, Ref, From, Room, Nick, Text, Affiliation string
	RealFrom                                        string `json:"real_from"`
	RefOf                                           string `json:"ref_of"`
	Emoji                                           []string
	Attachments                                     []struct{ URL string }
	Untrusted                                       bool
}

// result is what tools return.
type result struct {
	ID, Ref, State, URL, Answer, From, Cursor string
	Question                                  struct{ Ref string }
	Events                                    []event
	Messages                                  []struct{ Nick, Text, Ref string }
	Rooms                                     []struct{ Room, State, Condition string }
	Members                                   []struct{ Nick, JID string }
	Conversations                             []struct{ With string }
	text                                      string
}

// run runs a tool of the agent, in a step of its own, which must not fail; format has its arguments.
func (a *agents) run(tool, format string, values ...any) (v result) {
	a.Helper()
	a.step("%s", tool)
	return a.runs(tool, format, values...)
}

// runs is run in the step that there is.
func (a *agents) runs(tool, format string, values ...any) (v result) {
	a.Helper()
	a.used[tool] = true
	c := a.call(&a.callers, "agent", tool, fmt.Sprintf(format, values...))
	if err := json.Unmarshal([]byte(c.text), &v); err != nil || c.failed || c.structured == nil {
		a.Errorf("%s "+format+": %s", append(append([]any{tool}, values...), c.text)...)
	}
	v.text = c.text
	return v
}

// fails runs a tool that must fail with a status, and say all parts.
func (a *agents) fails(token, tool, arguments string, status float64, parts ...string) {
	a.Helper()
	a.step("%s, with the token %s", tool, token)
	a.failed(a.call(&a.callers, token, tool, arguments), tool+" "+arguments, status, parts...)
}

func (a *agents) failed(c called, what string, status float64, parts ...string) {
	a.Helper()
	details, _ := c.structured.(map[string]any)
	lacks := func(part string) bool { return !strings.Contains(c.text, part) }
	if !c.failed || details["status"] != status || slices.ContainsFunc(parts, lacks) {
		a.Errorf("%s: %+v, want %v %q", what, c, status, parts)
	}
}

// begin runs a tool in the background.
func (a *agents) begin(tool, format string, values ...any) <-chan result {
	a.step("%s", tool)
	done := make(chan result, 1)
	go func() { done <- a.runs(tool, format, values...) }()
	return done
}

// shows waits for a stanza with all parts.
func (a *agents) shows(what string, parts ...string) lab.Received {
	a.Helper()
	return a.carol.Await(what, func(r lab.Received) bool {
		for _, part := range parts {
			if !strings.Contains(r.From+" "+r.Type+" "+r.Inner, part) {
				return false
			}
		}
		return true
	})
}

// hears fetches the next message for the agent, and acknowledges the one before.
func (a *agents) hears() event {
	a.Helper()
	v := a.runs("wait_for_message", `{"wait":20,"cursor":%q}`, *a.cursor)
	if len(v.Events) != 1 || !v.Events[0].Untrusted {
		a.Fatalf("%s", v.text)
	}
	*a.cursor = v.Cursor
	return v.Events[0]
}

func (a *agents) messages() {
	v := a.run("send_message", `{"to":%q,"body":"hello by %s","wait":10}`, a.bare, a.name)
	a.shows("the message", "<body>hello by "+a.name)
	a.run("edit_message", `{"ref":%q,"body":"hullo by %s"}`, v.Ref, a.name)
	a.shows("the correction", "hullo by "+a.name, "urn:xmpp:message-correct:0", v.ID)
	a.says("carol reacts to it, and the agent waits for messages", "<message type='chat' id='r-%s' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions></message>", a.name, agentBot, v.ID)
	if e := a.hears(); e.Event != "reaction" || e.RefOf != v.Ref || fmt.Sprint(e.Emoji) != "[👍]" {
		a.Errorf("%+v, of %s", e, v.Ref)
	}
	a.run("retract_message", `{"ref":%q}`, v.Ref)
	a.shows("the retraction", "urn:xmpp:message-retract:1", v.ID)
	a.says("carol writes, and the agent waits for messages", "<message type='chat' id='m-%s' to='%s'><body>who are you?</body></message>", a.name, agentBot)
	e := a.hears()
	if e.Text != "who are you?" || e.From != a.carol.JID() || e.RealFrom != a.bare {
		a.Errorf("%+v", e)
	}
	a.run("react", `{"ref":%q,"emoji":["👀"]}`, e.Ref)
	a.shows("the reaction", "<reaction>👀</reaction>", "m-"+a.name)
	a.run("set_typing", `{"to":%q,"on":true}`, a.bare)
	a.shows("typing", "<composing")
	a.run("send_message", `{"reply_to":%q,"body":"an agent"}`, e.Ref)
	a.shows("the reply", "urn:xmpp:reply:0", "m-"+a.name)
	a.says("carol subscribes to the agent", "<presence type='subscribe' to='%s'/>", agentBot)
	a.carol.Await("its presence", func(r lab.Received) bool { return r.Kind == "presence" && r.From == agentBot+"/default" })
	a.run("set_presence", `{"show":"dnd","status":"busy with %s"}`, a.name)
	a.shows("its presence", agentBot, "<show>dnd</show><status>busy with "+a.name)
	a.step("")
	harness.Eventually(a, "the conversations are listed", func() bool { // of before, in their rooms, too
		v := a.runs("list_conversations", `{}`)
		return len(v.Conversations) == 1+slices.IndexFunc(ways, func(w way) bool { return w.name == a.name }) && v.Conversations[0].With == a.bare
	})
	a.run("list_conversations", `{}`)
}

func (a *agents) files() {
	v := a.run("send_file", `{"to":%q,"base64":%q,"name":"%s.txt","caption":"look"}`, a.bare, base64.StdEncoding.EncodeToString([]byte("the file")), a.name)
	if a.shows("the caption", "<body>look</body>"); bytesAt(a.T, v.URL) != "the file" || !strings.HasSuffix(v.URL, a.name+".txt") {
		a.Errorf("%+v", v)
	}
	got := a.shows("the file", "jabber:x:oob", v.URL)
	m := stanza.Must(stanza.Parse("<message>"+got.Inner+"</message>", stanza.Limits{}))
	f := message.Read(m)
	if all := f.Attachments(m); len(all) != 1 || all[0].URL != v.URL || *all[0].Size != 8 {
		a.Errorf("%+v", all)
	}
	a.says("carol sends a file, and the agent waits for messages", "<message type='chat' id='f-%s' to='%s'><body>%s</body><x xmlns='jabber:x:oob'><url>%s</url></x></message>", a.name, agentBot, v.URL, v.URL)
	if e := a.hears(); len(e.Attachments) != 1 || e.Attachments[0].URL != v.URL {
		a.Errorf("%+v", e)
	}
	if v := a.run("send_file", `{"to":%q,"url":"https://files.example.com/%s.png"}`, a.bare, a.name); v.URL == "" {
		a.Errorf("%+v", v)
	}
	a.shows("the link", "jabber:x:oob", "https://files.example.com/"+a.name+".png")
}

func (a *agents) answers() {
	asked := a.begin("ask", `{"to":%q,"question":"deploy %s?","options":["yes","no"],"wait":30}`, a.bare, a.name)
	a.shows("the question", "deploy "+a.name+"?\n1. yes\n2. no")
	a.says("carol answers", "<message type='chat' id='a-%s' to='%s'><body>2</body></message>", a.name, agentBot)
	if v := <-asked; v.Answer != "no" || v.From != a.carol.JID() {
		a.Errorf("%+v", v)
	}
	if v := a.run("wait_for_message", `{"wait":1,"cursor":%q}`, *a.cursor); len(v.Events) != 0 {
		a.Errorf("the answer comes again: %s", v.text)
	}
}
