package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
)

// A command of the API is there at once and after a restart, until it is deleted. What has
// mistakes, or is of the file, changes nothing. Bots with commands say so.
func TestCommandsByAPI(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ev struct {
			Type, Endpoint string
			Data           struct{ Node string }
		}
		_ = json.NewDecoder(r.Body).Decode(&ev)
		_, _ = io.WriteString(w, ev.Type+" "+ev.Endpoint+" "+ev.Data.Node)
	}))
	t.Cleanup(hook.Close)
	srv := newServer(t)
	config := noAuth + "endpoints: [{name: ops, url: \"" + hook.URL + "\"}]\ncommands: [{node: filed, bots: [echo@bot.example.com], allow: [\"*@example.com\"], endpoint: ops}]\nbots: [{jid: echo@bot.example.com}]\n"
	x := startAt(t, srv, zap.NewNop(), config)
	call := x.request
	n := 0
	ask := func(kind, to, payload, part string) {
		t.Helper()
		n++
		id := fmt.Sprint("ask", n)
		srv.Send("<iq type='" + kind + "' id='" + id + "' from='alice@example.com/cli' to='" + to + "'>" + payload + "</iq>")
		got := srv.Expect(id, func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && s.ID == id })
		if !strings.Contains(got.XML(), part) {
			t.Errorf("%s has no %s", got.XML(), part)
		}
	}
	run := func(node, part string) {
		t.Helper()
		ask("set", "echo@bot.example.com", "<command xmlns='http://jabber.org/protocol/commands' node='"+node+"'/>", part)
	}
	const info, feature = "<query xmlns='http://jabber.org/protocol/disco#info'/>", "http://jabber.org/protocol/commands"
	keys := fmt.Sprintf(`{"name":"Now","bots":["echo@bot.example.com","nurse@bot.example.com"],"allow":["*@example.com"],"url":"%s/?token=hunter2"}`, hook.URL)
	run("filed", "command.submit ops filed")
	run("now", "item-not-found")
	ask("get", "echo@bot.example.com", info, feature)
	call("PUT", "/v1/commands/now", keys, 201, `"source":"api","count":0`)
	ask("get", "nurse@bot.example.com", info, feature)
	run("now", "command.submit command:now now")
	call("PUT", "/v1/commands/now", strings.Replace(keys, "Now", "Later", 1), 200, `"name":"Later"`)
	if one := call("GET", "/v1/commands/now", "", 200, `"count":1`); strings.Contains(one, "hunter2") {
		t.Errorf("shows the secret: %s", one)
	}
	call("GET", "/v1/commands/now/runs", "", 200, `"from":"alice@example.com","bot":"echo@bot.example.com","room":null,"by":"client"`)
	for body, part := range map[string]string{
		`{}`: "bots: is missing", `{"bots":"echo@bot.example.com"}`: "endpoint: is missing", `{"bots":"echo@bot.example.com","endpoint":"none"}`: "is the name of no endpoint",
		`{"bots":"echo@bot.example.com","endpoint":"ops","nope":1}`: "unknown key", `{"bots":"echo@bot.example.com","endpoint":"ops","form":{"fields":[{"name":"a","type":"list"}]}}`: "form.fields[0].options: are missing",
		`{"bots":"echo@other.example","endpoint":"ops"}`: "matches no address of a component", `[`: "the command ",
	} {
		call("PUT", "/v1/commands/now", body, 400, part)
	}
	call("PUT", "/v1/commands/now", `{"bots":"echo@bot.example.com","url":"unix:/run/x.sock:/"}`, 422, "is a socket")
	call("PUT", "/v1/commands/filed", keys, 409, "configuration file")
	call("DELETE", "/v1/commands/filed", "", 409, "configuration file")
	call("DELETE", "/v1/commands/none", "", 404, "no command has the node")
	call("GET", "/v1/commands/none/runs", "", 404, "no command has the node")
	if all := call("GET", "/v1/commands", "", 200, `"node":"filed"`); strings.Contains(all, `"keys"`) || strings.Count(all, `"node"`) != 2 {
		t.Errorf("%s", all)
	}
	if _, metrics := x.call("", "GET", "/metrics", ""); !strings.Contains(metrics, "stanzahook_commands{source=\"api\"} 1") || !strings.Contains(metrics, "stanzahook_command_runs_total{result=\"done\"} 2") {
		t.Error("the metrics do not have them")
	}

	call("GET", "/v1/status", "", 200, `"commands":{"count":2,"sessions":0,"runs":2,"failed":0}`)
	events := x.follow("", "?kinds=command&jid=echo@bot.example.com")
	run("now", "command.submit command:now now")
	comes(t, events, "the tail says so", func(e tailed) bool {
		return e.Event == "command" && e.Data.Command == "now" && e.Data.From == "alice@example.com" && e.Data.Result == "done" && e.Data.By == "client"
	})

	if _, err := x.reload(config); err != nil { // which keeps those of the API
		t.Fatal(err)
	}
	run("now", "command.submit command:now now")
	x.restart("")
	srv.WaitConnected(2)
	run("now", "command.submit command:now now")
	call("DELETE", "/v1/commands/now", "", 204, "")
	run("now", "item-not-found")
}
