package app

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
	"stanzahook/pkg/stanza"
)

// agentConfig has an agent with a pulled endpoint, and tokens with less.
func agentConfig() string {
	limited := func(name, scopes, more string) string {
		return strings.Replace(token(name, scopes), "scopes", more+", scopes", 1)
	}
	return "http: {listen: \"127.0.0.1:0\", tokens: [" + strings.Join([]string{
		limited("agent", "send, events, rooms, admin", "endpoint: agent, from: [\"echo@bot.example.com\"]"),
		limited("other", "send, events", "endpoint: other, from: [\"other@bot.example.com\"]"),
		token("sender", "send"), token("reader", "events"), token("looker", "read"),
	}, ", ") + "]}\nendpoints: [{name: agent, match: {to: \"echo@*\"}}, {name: other, match: {to: \"other@*\"}}]\nbots: [{jid: echo@bot.example.com}]\n"
}

// caller calls a tool: over /v1/tools, or another way to the same.
type caller func(token, tool, arguments string) (result map[string]any, err string)

func (x *running) tool(token, tool, arguments string) (map[string]any, string) {
	x.t.Helper()
	status, body := x.call(token, "POST", "/v1/tools/"+tool, arguments)
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		x.t.Fatalf("%s: %d %s", tool, status, body)
	}
	if status != 200 {
		return nil, fmt.Sprint(v["detail"])
	}
	return v, ""
}

// begun is a call that goes on in the background.
type begun struct {
	result map[string]any
	err    string
}

func begin(call caller, token, tool, arguments string) <-chan begun {
	c := make(chan begun, 1)
	go func() {
		result, err := call(token, tool, arguments)
		c <- begun{result, err}
	}()
	return c
}

// Each tool over /v1/tools.
func TestTools(t *testing.T) {
	x := startApp(t, agentConfig())
	x.everyTool(x.tool)
}

// everyTool runs each tool against the server that the test plays.
func (x *running) everyTool(call caller) {
	t := x.t
	t.Helper()
	must := func(token, tool, arguments string) map[string]any {
		t.Helper()
		v, err := call(token, tool, arguments)
		if err != "" {
			t.Fatalf("%s %s: %s", tool, arguments, err)
		}
		return v
	}
	fails := func(token, tool, arguments, says string) {
		t.Helper()
		if v, err := call(token, tool, arguments); !strings.Contains(err, says) || err == "" {
			t.Errorf("%s %s %s: %v %q, want …%s…", token, tool, arguments, v, err, says)
		}
	}
	expect := func(what string, parts ...string) *stanza.Stanza {
		t.Helper()
		return x.srv.Expect(what, func(s *stanza.Stanza) bool {
			for _, p := range parts {
				if !strings.Contains(s.XML(), p) {
					return false
				}
			}
			return true
		})
	}
	// send, edit, react, retract, typing, a file
	v := must("agent", "send_message", `{"to":"u@example.com","body":"hello","wait":5}`)
	ref := fmt.Sprint(v["ref"])
	if v["state"] != "confirmed" || !strings.HasPrefix(ref, "r1_") {
		t.Errorf("%v", v)
	}
	expect("the message", "<body>hello</body>", "from='echo@bot.example.com'")
	must("agent", "edit_message", `{"ref":"`+ref+`","body":"hullo"}`)
	expect("the correction", "urn:xmpp:message-correct:0", "hullo")
	must("agent", "react", `{"ref":"`+ref+`","emoji":["👍"]}`)
	expect("the reaction", "urn:xmpp:reactions:0", "👍")
	must("agent", "retract_message", `{"ref":"`+ref+`"}`)
	expect("the retraction", "urn:xmpp:message-retract:1")
	must("agent", "set_typing", `{"to":"u@example.com","on":true}`)
	expect("typing", "<composing")
	x.srv.Send("<presence type='subscribe' from='u@example.com' to='echo@bot.example.com'/>")
	if v = must("agent", "set_presence", `{"show":"dnd","status":"Deploying"}`); v["bot"] != "echo@bot.example.com" || v["show"] != "dnd" || v["status"] != "Deploying" {
		t.Errorf("%v", v)
	}
	expect("its presence", "<show>dnd</show><status>Deploying</status>")
	if v = must("agent", "set_presence", `{"show":"available"}`); v["show"] != "available" || v["status"] != "" {
		t.Errorf("%v", v)
	}
	v = must("agent", "send_file", `{"to":"u@example.com","url":"https://files.example.com/a.png","caption":"look"}`)
	if v["url"] != "https://files.example.com/a.png" || v["id"] == "" {
		t.Errorf("%v", v)
	}
	expect("the caption", "<body>look</body>")
	expect("the file", "jabber:x:oob", "https://files.example.com/a.png")

	// what people write
	x.fromUser("m1", "<body>hi bot</body>")
	v = must("agent", "wait_for_message", `{"wait":10}`)
	first := v["events"].([]any)[0].(map[string]any)
	if first["text"] != "hi bot" || first["untrusted"] != true || first["from"] != "u@example.com/r" || first["real_from"] != "u@example.com" || first["room"] != nil {
		t.Errorf("%v", v)
	}
	must("agent", "send_message", fmt.Sprintf(`{"reply_to":%q,"body":"yes?"}`, first["ref"]))
	expect("the reply", "urn:xmpp:reply:0", "yes?", "to='u@example.com")
	again := must("agent", "wait_for_message", `{"wait":1}`)
	if fmt.Sprint(again["events"]) != fmt.Sprint(v["events"]) {
		t.Errorf("%v came in place of %v", again, v)
	}
	// of one person alone; receipts and presence are no messages
	waiting := begin(call, "agent", "wait_for_message", fmt.Sprintf(`{"cursor":%q,"from":"v@example.com","wait":20}`, v["cursor"]))
	x.fromUser("m2", "<received xmlns='urn:xmpp:receipts' id='x'/>")
	x.fromUser("m3", "<body>not this</body>")
	x.srv.Send("<message type='chat' id='m4' from='v@example.com/r' to='echo@bot.example.com'><body>this</body></message>")
	if got := <-waiting; got.err != "" || len(got.result["events"].([]any)) != 1 || !strings.Contains(fmt.Sprint(got.result), "text:this") {
		t.Errorf("%v", got)
	} else {
		v = must("agent", "wait_for_message", fmt.Sprintf(`{"cursor":%q,"wait":1}`, got.result["cursor"]))
		if len(v["events"].([]any)) != 0 {
			t.Errorf("%v", v)
		}
	}
	// a question: its answer is consumed, and the receipt that it asks for is sent
	asking := begin(call, "agent", "ask", `{"to":"u@example.com","question":"deploy?","options":["yes","no"],"wait":20}`)
	expect("the question", "deploy?", "1. yes")
	x.srv.Send("<message type='chat' id='o' from='v@example.com/r' to='echo@bot.example.com'><body>another's</body></message>")
	x.fromUser("a1", "<body>2</body><request xmlns='urn:xmpp:receipts'/>")
	if got := <-asking; got.err != "" || got.result["answer"] != "no" || got.result["from"] != "u@example.com/r" || got.result["untrusted"] != true {
		t.Errorf("%v", got)
	}
	expect("the receipt", "<received", "a1")
	v = must("agent", "wait_for_message", `{"wait":1}`)
	if len(v["events"].([]any)) != 1 || !strings.Contains(fmt.Sprint(v), "another's") {
		t.Errorf("the answer is not consumed, or another's is: %v", v)
	}
	v = must("agent", "ask", `{"to":"nobody@example.com","question":"there?","wait":1}`)
	if v["answer"] != nil || v["question"].(map[string]any)["ref"] == "" {
		t.Errorf("%v", v)
	}
	v = must("agent", "list_conversations", `{}`)
	if !strings.Contains(fmt.Sprint(v), "with:u@example.com") || !strings.Contains(fmt.Sprint(v), "with:v@example.com") {
		t.Errorf("%v", v)
	}
	x.toolsInRooms(call, must)
	// who may not
	fails("reader", "send_message", `{"to":"u@example.com","body":"x"}`, `send_message: the token lacks the scope "send"`)
	fails("sender", "wait_for_message", `{"endpoint":"agent"}`, `lacks the scope "events"`)
	fails("sender", "list_conversations", `{}`, `lacks the scope "admin"`)
	fails("looker", "room_members", `{"room":"ops@rooms.example.com"}`, `lacks the scope "rooms" or "send"`)
	fails("agent", "send_message", `{"to":"u@example.com","body":"x","from":"other@bot.example.com"}`, "from: the token may not use other@bot.example.com")
	fails("agent", "ask", `{"to":"u@example.com","question":"x","from":"other@bot.example.com"}`, "from: the token may not use")
	fails("agent", "set_presence", `{"from":"other@bot.example.com"}`, "from: the token may not use")
	fails("agent", "set_presence", `{"show":"busy"}`, "show: is not known; write away, chat, dnd")
	fails("other", "set_presence", `{"show":"dnd"}`, "other@bot.example.com has no profile")
	fails("sender", "set_presence", `{"from":"echo@bot.example.com"}`, "the token may not change this bot")
	fails("other", "wait_for_message", `{"endpoint":"agent"}`, `the token reads the endpoint "other" alone`)
	fails("other", "ask", `{"to":"u@example.com","question":"x","endpoint":"agent"}`, `the token reads the endpoint "other" alone`)
	fails("other", "edit_message", `{"ref":"`+ref+`","body":"x"}`, "may not use echo@bot.example.com")
	fails("reader", "wait_for_message", `{"endpoint":"nope"}`, `no endpoint is named "nope"`)
	fails("reader", "wait_for_message", `{"endpoint":"agent","cursor":"x"}`, "cursor")
	fails("agent", "edit_message", `{"ref":"r1_x","body":"x"}`, "ref: ")
	fails("agent", "send_message", `{"to":"u@example.com","body":7}`, "body: is the number 7 where a string is needed")
	fails("agent", "send_message", `{"to":"@","body":"x"}`, "to: ")
}

// toolsInRooms runs the tools for rooms.
func (x *running) toolsInRooms(call caller, must func(token, tool, arguments string) map[string]any) {
	x.t.Helper()
	says := func(v map[string]any, part string) {
		x.t.Helper()
		if text, _ := json.Marshal(v); !strings.Contains(string(text), part) {
			x.t.Errorf("%s, want …%s…", text, part)
		}
	}
	joining := begin(call, "agent", "join_room", `{"room":"ops@rooms.example.com","nick":"Echo"}`)
	x.lets()
	got := <-joining
	if got.err != "" {
		x.t.Fatal(got.err)
	}
	says(got.result, `"state":"joined"`)
	says(must("agent", "list_rooms", ``), `"room":"ops@rooms.example.com"`)
	says(must("sender", "room_members", `{"room":"ops@rooms.example.com"}`), `"jid":"alice@example.com/phone"`)
	asking := begin(call, "agent", "ask", `{"to":"ops@rooms.example.com","question":"who?","wait":20}`)
	x.srv.Expect("the question", func(s *stanza.Stanza) bool { return s.Type == "groupchat" && strings.Contains(s.XML(), "who?") })
	x.srv.Send("<message type='groupchat' id='g1' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>me</body></message>")
	if got = <-asking; got.err != "" {
		x.t.Error(got.err)
	}
	says(got.result, `"answer":"me"`)
	history := begin(call, "agent", "room_history", `{"room":"ops@rooms.example.com","limit":1}`)
	x.answers("http://jabber.org/protocol/disco#info", "query", "result", "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:mam:2'/></query>")
	x.answers("urn:xmpp:mam:2", "query", "result", "<fin xmlns='urn:xmpp:mam:2' complete='false'/>",
		"<message from='ops@rooms.example.com' to='echo@bot.example.com/room'><result xmlns='urn:xmpp:mam:2' queryid='QUERY' id='a7'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T18:00:00Z'/>"+
			"<message xmlns='jabber:client' type='groupchat' id='m1' from='ops@rooms.example.com/Alice'><body>hi</body></message></forwarded></result></message>")
	got = <-history
	says(got.result, `"nick":"Alice"`)
	says(got.result, `"untrusted":true`)
	says(must("agent", "leave_room", `{"room":"ops@rooms.example.com"}`), `"state":"left"`)
}

// A second question to the same person is refused while the first waits; the answer of somebody
// whose asker has gone is a message as any other.
func TestAskAndGo(t *testing.T) {
	x := startApp(t, agentConfig())
	const question = `{"to":"u@example.com","question":"one","wait":2}`
	first := begin(x.tool, "agent", "ask", question)
	x.hears("u", "one")
	if _, err := x.tool("agent", "ask", question); !strings.Contains(err, "another request waits for an answer") {
		t.Errorf("%q", err)
	}
	if got := <-first; got.err != "" || got.result["answer"] != nil {
		t.Errorf("%v", got)
	}
	x.fromUser("late", "<body>late</body>")
	if v, err := x.tool("agent", "wait_for_message", `{"wait":10}`); err != "" || !strings.Contains(fmt.Sprint(v), "text:late") {
		t.Errorf("%v %s", v, err)
	}
}

// Of two agents at one endpoint the newer ends the older; agents that wait take no slot.
func TestWaitingAgents(t *testing.T) {
	x := startApp(t, agentConfig())
	older := begin(x.tool, "agent", "wait_for_message", `{"wait":50}`)
	waiting := func() int { return x.server.Handler().Waiting().Used }
	harness.Eventually(t, "it waits", func() bool { return waiting() == 1 })
	newer := begin(x.tool, "agent", "wait_for_message", `{"wait":50}`)
	if got := <-older; !strings.Contains(got.err, "a newer request reads") {
		t.Errorf("%v", got)
	}
	var asks []<-chan begun
	for i := range 100 {
		asks = append(asks, begin(x.tool, "agent", "ask", fmt.Sprintf(`{"to":"u%d@example.com","question":"q","wait":50}`, i)))
	}
	harness.Eventually(t, "all wait", func() bool { return waiting() == 101 })
	if slots := x.server.Handler().Slots(); slots.Used != 0 {
		t.Errorf("%d slots are used", slots.Used)
	}
	for i := range 100 {
		x.srv.Send(fmt.Sprintf("<message type='chat' id='a%d' from='u%d@example.com/r' to='echo@bot.example.com'><body>answer %d</body></message>", i, i, i))
	}
	for i, c := range asks {
		if got := <-c; got.err != "" || got.result["answer"] != fmt.Sprint("answer ", i) {
			t.Errorf("%d: %v", i, got)
		}
	}
	x.fromUser("m", "<body>for the reader</body>")
	if got := <-newer; got.err != "" || len(got.result["events"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
	harness.Eventually(t, "nobody waits", func() bool { return x.begunRequests() == 0 })
}

// One message goes out once for an Idempotency-Key.
func TestToolWithKey(t *testing.T) {
	x := startApp(t, agentConfig())
	var ids [2]string
	for i := range ids {
		status, body := x.call("agent", "POST", "/v1/tools/send_message", `{"to":"u@example.com","body":"once"}`, "Idempotency-Key", "k")
		var v struct{ ID string }
		if err := json.Unmarshal([]byte(body), &v); err != nil || status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		ids[i] = v.ID
	}
	if ids[0] != ids[1] || ids[0] == "" {
		t.Errorf("%v", ids)
	}
}

// A caller that goes away during a wait holds nothing.
func TestGoneAgent(t *testing.T) {
	x := startApp(t, agentConfig())
	c, err := net.Dial("tcp", x.Addr)
	if err != nil {
		t.Fatal(err)
	}
	const arguments = `{"wait":50}`
	fmt.Fprintf(c, "POST /v1/tools/wait_for_message HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer agent\r\nContent-Length: %d\r\n\r\n%s", len(arguments), arguments)
	harness.Eventually(t, "it waits", func() bool { return x.server.Handler().Waiting().Used == 1 })
	_ = c.Close()
	harness.Eventually(t, "it is gone", func() bool { return x.begunRequests() == 0 })
}

// An agent that corrects its message for every word sends few corrections, of which the last
// has the whole text: before its next message. A correction of after a retraction does not come.
func TestToolEdits(t *testing.T) {
	x := startApp(t, agentConfig())
	run := func(tool, format string, values ...any) map[string]any {
		t.Helper()
		v, err := x.tool("agent", tool, fmt.Sprintf(format, values...))
		if err != "" {
			t.Fatal(err)
		}
		return v
	}
	ref, text := run("send_message", `{"to":"u@example.com","body":"0"}`)["ref"], "0"
	var states []string
	for i := range 60 {
		text += fmt.Sprint(" ", i+1)
		states = append(states, fmt.Sprint(run("edit_message", `{"ref":%q,"body":%q}`, ref, text)["state"]))
	}
	run("send_message", `{"to":"u@example.com","body":"done"}`)
	other := run("send_message", `{"to":"u@example.com","body":"another"}`)["ref"]
	for _, body := range []string{"one", "two"} {
		run("edit_message", `{"ref":%q,"body":%q}`, other, body)
	}
	run("retract_message", `{"ref":%q}`, other)
	run("send_message", `{"to":"u@example.com","body":"end"}`)
	var bodies []string
	for last := ""; last != "end"; {
		s := x.srv.Expect("a message", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
		last, _ = s.Body()
		bodies = append(bodies, last)
	}
	// Corrections that come later than the first do so every two seconds.
	if n := len(bodies); n > 15 || bodies[0] != "0" || bodies[1] != "0 1" || bodies[n-6] != text || bodies[n-5] != "done" || bodies[n-3] != "one" || !strings.Contains(bodies[n-2], "retracted") {
		t.Errorf("%q", bodies)
	}
	if states[0] != "confirmed" || states[59] != "queued" {
		t.Errorf("%q", states)
	}
}
