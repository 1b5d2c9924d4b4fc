//go:build integration

package http

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
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
	*testing.T
	p     *harness.Program
	alice harness.User
	bare  string // alice's address

	how     string // how tools are called
	call    func(token, tool, arguments string) (text string, structured any, failed bool)
	used    map[string]bool
	clients map[string]*sdk.ClientSession
	ids     int
	cursor  *string // of what the agent has heard
}

// runTools runs each tool by the official client of the Model Context Protocol, and by raw
// JSON-RPC over HTTP.
func runTools(t *testing.T, s *lab.Server) {
	token := func(name, scopes, more string) string {
		return fmt.Sprintf("{name: %s, hash: %q, scopes: [%s]%s}", name, harness.HashOf(name), scopes, more)
	}
	file := harness.WriteConfig(t, t.TempDir(), fmt.Sprintf(`
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
`, s.ComponentAddr(), harness.Secret, agentBot, agentBot, token("agent", "send, events, rooms, admin", ", endpoint: agent, from: ["+agentBot+"]"),
		token("narrow", "send, events", ", endpoint: agent, from: [other@tools.localhost], rooms: [other@rooms.localhost]"), token("reader", "read", "")))
	a := &agents{T: t, p: harness.LaunchLinked(t, file), alice: harness.Login(t, s, "carol"), clients: make(map[string]*sdk.ClientSession), cursor: new(string)}
	a.bare, _, _ = strings.Cut(a.alice.JID(), "/")
	a.createRoom(s.Kind(), hiddenRoom, "<field var='muc#roomconfig_membersonly'><value>1</value></field><field var='muc#roomconfig_publicroom'><value>0</value></field>")
	for how, call := range map[string]func(token, tool, arguments string) (string, any, bool){"client": a.byClient, "json-rpc": a.byHTTP} {
		t.Run(how, func(t *testing.T) {
			b := *a
			b.T, b.how, b.call, b.used = t, how, call, make(map[string]bool)
			b.createRoom(s.Kind(), b.room(), harness.ArchivedRoom(s.Kind()))
			b.messages()
			b.files()
			b.answers()
			b.rooms()
			b.limits()
			for _, tool := range tools.All() {
				if !b.used[tool.Name] {
					t.Errorf("%s was not run", tool.Name)
				}
			}
		})
	}
}

func (a *agents) room() string { return a.how + "@rooms.localhost" }

// createRoom makes a room, whose owner the user is.
func (a *agents) createRoom(kind lab.Kind, room, fields string) {
	a.Helper()
	a.ids++
	id := fmt.Sprint("room-", a.how, a.ids)
	a.alice.Send("<presence to='%s/carol'><x xmlns='http://jabber.org/protocol/muc'/></presence>", room)
	a.alice.Send("<iq type='set' id='%s' to='%s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query></iq>", id, room, fields)
	if r := a.alice.Await("the configuration of "+room, func(r lab.Received) bool { return r.Kind == "iq" && r.ID == id }); r.Type != "result" {
		a.Fatalf("%s: %+v", kind, r)
	}
}

// byClient calls a tool by the official client.
func (a *agents) byClient(token, tool, arguments string) (string, any, bool) {
	a.Helper()
	c := a.clients[token]
	if c == nil {
		var err error
		if c, err = sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil).Connect(a.Context(), &sdk.StreamableClientTransport{
			Endpoint: "http://" + a.p.Addr + "/mcp", HTTPClient: &http.Client{Transport: bearer(token)},
		}, nil); err != nil {
			a.Fatal(err)
		}
		a.clients[token] = c
		a.Cleanup(func() { _ = c.Close(); delete(a.clients, token) })
	}
	r, err := c.CallTool(a.Context(), &sdk.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		a.Fatalf("%s %s: %v", tool, arguments, err)
	}
	return r.Content[0].(*sdk.TextContent).Text, r.StructuredContent, r.IsError
}

// bearer adds a token to requests.
type bearer string

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// byHTTP calls a tool by JSON-RPC over HTTP.
func (a *agents) byHTTP(token, tool, arguments string) (string, any, bool) {
	a.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments)
	r, err := http.NewRequestWithContext(a.Context(), http.MethodPost, "http://"+a.p.Addr+"/mcp", strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	for name, value := range map[string]string{"Content-Type": harness.AsJSON, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"} {
		r.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: bearer(token)}).Do(r)
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	var v struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent any
			IsError           bool
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || len(v.Result.Content) != 1 {
		a.Fatalf("%s %s: %d %+v %v", tool, arguments, resp.StatusCode, v, err)
	}
	return v.Result.Content[0].Text, v.Result.StructuredContent, v.Result.IsError
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
	text                                      string
}

// run runs a tool of the agent, which must not fail; format has its arguments.
func (a *agents) run(tool, format string, values ...any) (v result) {
	a.Helper()
	a.used[tool] = true
	text, structured, failed := a.call("agent", tool, fmt.Sprintf(format, values...))
	if err := json.Unmarshal([]byte(text), &v); err != nil || failed || structured == nil {
		a.Fatalf("%s "+format+": %s", append(append([]any{tool}, values...), text)...)
	}
	v.text = text
	return v
}

// fails runs a tool that must fail with a status, and say all parts.
func (a *agents) fails(token, tool, arguments string, status float64, parts ...string) {
	a.Helper()
	text, structured, failed := a.call(token, tool, arguments)
	details, _ := structured.(map[string]any)
	lacks := func(part string) bool { return !strings.Contains(text, part) }
	if !failed || details["status"] != status || slices.ContainsFunc(parts, lacks) {
		a.Errorf("%s %s: %s %v, want %v %q", tool, arguments, text, structured, status, parts)
	}
}

// begin runs a tool in the background.
func (a *agents) begin(tool, format string, values ...any) <-chan result {
	done := make(chan result, 1)
	go func() {
		defer close(done)
		done <- a.run(tool, format, values...)
	}()
	return done
}

// shows waits for a stanza with all parts.
func (a *agents) shows(what string, parts ...string) lab.Received {
	a.Helper()
	return a.alice.Await(what, func(r lab.Received) bool {
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
	v := a.run("wait_for_message", `{"wait":20,"cursor":%q}`, *a.cursor)
	if len(v.Events) != 1 || !v.Events[0].Untrusted {
		a.Fatalf("%s", v.text)
	}
	*a.cursor = v.Cursor
	return v.Events[0]
}

func (a *agents) messages() {
	v := a.run("send_message", `{"to":%q,"body":"hello by %s","wait":10}`, a.bare, a.how)
	a.shows("the message", "<body>hello by "+a.how)
	a.run("edit_message", `{"ref":%q,"body":"hullo by %s"}`, v.Ref, a.how)
	a.shows("the correction", "hullo by "+a.how, "urn:xmpp:message-correct:0", v.ID)
	a.alice.Send("<message type='chat' id='r-%s' to='%s'><reactions xmlns='urn:xmpp:reactions:0' id='%s'><reaction>👍</reaction></reactions></message>", a.how, agentBot, v.ID)
	if e := a.hears(); e.Event != "reaction" || e.RefOf != v.Ref || fmt.Sprint(e.Emoji) != "[👍]" {
		a.Errorf("%+v, of %s", e, v.Ref)
	}
	a.run("retract_message", `{"ref":%q}`, v.Ref)
	a.shows("the retraction", "urn:xmpp:message-retract:1", v.ID)
	a.alice.Send("<message type='chat' id='m-%s' to='%s'><body>who are you?</body></message>", a.how, agentBot)
	e := a.hears()
	if e.Text != "who are you?" || e.From != a.alice.JID() || e.RealFrom != a.bare {
		a.Errorf("%+v", e)
	}
	a.run("react", `{"ref":%q,"emoji":["👀"]}`, e.Ref)
	a.shows("the reaction", "<reaction>👀</reaction>", "m-"+a.how)
	a.run("set_typing", `{"to":%q,"on":true}`, a.bare)
	a.shows("typing", "<composing")
	a.run("send_message", `{"reply_to":%q,"body":"an agent"}`, e.Ref)
	a.shows("the reply", "urn:xmpp:reply:0", "m-"+a.how)
	a.alice.Send("<presence type='subscribe' to='%s'/>", agentBot)
	a.run("set_presence", `{"show":"dnd","status":"busy with %s"}`, a.how)
	a.shows("its presence", agentBot, "<show>dnd</show><status>busy with "+a.how)
	if v := a.run("list_conversations", `{}`); !strings.Contains(v.text, `"with":"`+a.bare+`"`) {
		a.Error(v.text)
	}
}

func (a *agents) files() {
	v := a.run("send_file", `{"to":%q,"base64":%q,"name":"%s.txt","caption":"look"}`, a.bare, base64.StdEncoding.EncodeToString([]byte("the file")), a.how)
	if a.shows("the caption", "<body>look</body>"); bytesAt(a.T, v.URL) != "the file" || !strings.HasSuffix(v.URL, a.how+".txt") {
		a.Errorf("%+v", v)
	}
	got := a.shows("the file", "jabber:x:oob", v.URL)
	m := stanza.Must(stanza.Parse("<message>"+got.Inner+"</message>", stanza.Limits{}))
	f := message.Read(m)
	if all := f.Attachments(m); len(all) != 1 || all[0].URL != v.URL || *all[0].Size != 8 {
		a.Errorf("%+v", all)
	}
	a.alice.Send("<message type='chat' id='f-%s' to='%s'><body>%s</body><x xmlns='jabber:x:oob'><url>%s</url></x></message>", a.how, agentBot, v.URL, v.URL)
	if e := a.hears(); len(e.Attachments) != 1 || e.Attachments[0].URL != v.URL {
		a.Errorf("%+v", e)
	}
	if v := a.run("send_file", `{"to":%q,"url":"https://files.example.com/%s.png"}`, a.bare, a.how); v.URL == "" {
		a.Errorf("%+v", v)
	}
	a.shows("the link", "jabber:x:oob", "https://files.example.com/"+a.how+".png")
}

func (a *agents) answers() {
	asked := a.begin("ask", `{"to":%q,"question":"deploy %s?","options":["yes","no"],"wait":30}`, a.bare, a.how)
	a.shows("the question", "deploy "+a.how+"?\n1. yes\n2. no")
	a.alice.Send("<message type='chat' id='a-%s' to='%s'><body>2</body></message>", a.how, agentBot)
	if v := <-asked; v.Answer != "no" || v.From != a.alice.JID() {
		a.Errorf("%+v", v)
	}
	if v := a.run("wait_for_message", `{"wait":1,"cursor":%q}`, *a.cursor); len(v.Events) != 0 {
		a.Errorf("the answer comes again: %s", v.text)
	}
}

func (a *agents) rooms() {
	room := a.room()
	if v := a.run("join_room", `{"room":%q,"nick":"Agent","wait":20}`, room); v.State != "joined" {
		a.Fatal(v.text)
	}
	a.shows("the agent in the room", room+"/Agent", "affiliation=")
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 1 || v.Rooms[0].Room != room || v.Rooms[0].State != "joined" {
		a.Error(v.text)
	}
	if v := a.run("room_members", `{"room":%q}`, room); !strings.Contains(v.text, `"nick":"carol"`) || !strings.Contains(v.text, `"nick":"Agent"`) {
		a.Error(v.text)
	}
	a.run("send_message", `{"to":%q,"body":"hello room","wait":20}`, room)
	a.shows("what it says", "groupchat", "<body>hello room</body>")
	a.alice.Send("<message type='groupchat' id='g-%s' to='%s'><body>hello agent</body></message>", a.how, room)
	e := a.hears()
	if e.Text != "hello agent" || e.Room != room || e.Nick != "carol" || e.Affiliation != "owner" {
		a.Errorf("%+v", e)
	}
	a.run("react", `{"ref":%q,"emoji":["👋"]}`, e.Ref)
	a.shows("the reaction", "groupchat", "<reaction>👋</reaction>")
	asked := a.begin("ask", `{"to":%q,"question":"who is in?","wait":30}`, room)
	a.shows("the question", "groupchat", "who is in?")
	a.alice.Send("<message type='groupchat' id='h-%s' to='%s'><body>me</body></message>", a.how, room)
	if v := <-asked; v.Answer != "me" || v.From != room+"/carol" {
		a.Errorf("%+v", v)
	}
	harness.Eventually(a, "the archive has it", func() bool {
		v := a.run("room_history", `{"room":%q,"limit":3}`, room)
		return len(v.Messages) == 3 && v.Messages[0].Text == "me" && v.Messages[0].Nick == "carol" && v.Messages[1].Text == "who is in?"
	})
	a.hidden()
	a.run("leave_room", `{"room":%q}`, room)
	a.shows("that it leaves", room+"/Agent unavailable")
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 0 {
		a.Error(v.text)
	}
}

// hidden looks at a room that only its members know of, and at one that is not there. What the
// bot is not in, it cannot see; why it is not, says the try.
func (a *agents) hidden() {
	a.fails("agent", "join_room", `{"room":"`+hiddenRoom+`","wait":20}`, 422, "registration-required", "only members may enter; an owner")
	a.fails("agent", "join_room", `{"room":"`+noRoom+`","wait":20}`, 422, "item-not-found: the room does not exist")
	for _, room := range []string{hiddenRoom, noRoom} {
		for _, tool := range []string{"room_members", "room_history", "leave_room"} {
			a.fails("agent", tool, fmt.Sprintf(`{"room":%q}`, room), 404, "the bot is not kept in this room, and sees nothing of it")
		}
	}
	if v := a.run("list_rooms", `{}`); len(v.Rooms) != 1 {
		a.Error(v.text)
	}
}

// limits calls tools with tokens that may not.
func (a *agents) limits() {
	a.fails("reader", "send_message", `{"to":"x@localhost","body":"x"}`, 403, `send_message: the token lacks the scope "send"`)
	a.fails("reader", "wait_for_message", `{"endpoint":"agent"}`, 403, `wait_for_message: the token lacks the scope "events"`)
	a.fails("narrow", "join_room", fmt.Sprintf(`{"room":%q}`, a.room()), 403, `join_room: the token lacks the scope "rooms"`)
	a.fails("narrow", "send_message", fmt.Sprintf(`{"to":"x@localhost","body":"x","from":%q}`, agentBot), 403, "from: the token may not use "+agentBot)
	a.fails("narrow", "room_members", fmt.Sprintf(`{"room":%q}`, a.room()), 403, a.room())
	a.fails("narrow", "set_presence", fmt.Sprintf(`{"from":%q}`, agentBot), 403, "from: the token may not use")
	a.fails("narrow", "list_conversations", `{}`, 403, `the scope "admin"`)
}
