//go:build integration

package http

import (
	"fmt"
	"net/http"

	"stanzahook/deploy/lab/harness"
)

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

// together has two agents wait at one endpoint: the newer ends the older, and gets what comes.
func (a *agents) together() {
	waiting := func() bool { return metric(a.p, "stanzahook_http_waiting") == 1 }
	a.step("an agent waits at the endpoint")
	older, arguments := make(chan called, 1), fmt.Sprintf(`{"wait":50,"cursor":%q}`, *a.cursor)
	go func() { older <- a.call(&a.callers, "agent", "wait_for_message", arguments) }()
	harness.Eventually(a, "it waits", waiting)
	newer := a.begin("wait_for_message", "%s", arguments)
	a.failed(<-older, "the older", 409, "a newer request reads")
	a.says("carol writes", "<message type='chat' id='n-%s' to='%s'><body>for the newer</body></message>", a.name, agentBot)
	v := <-newer
	if len(v.Events) != 1 || v.Events[0].Text != "for the newer" {
		a.Error(v.text)
	}
	*a.cursor = v.Cursor
}

// strangers have no token, or a wrong one.
func (c *callers) strangers() {
	for _, token := range []string{"", "wrong"} {
		for _, path := range []string{"/mcp", "/v1/tools/list_rooms"} {
			c.said.Step(fmt.Sprintf("%s with the token %q", path, token))
			if status, body := c.post(token, path, `{"jsonrpc":"2.0","id":7,"method":"tools/list"}`, "Accept", "application/json, text/event-stream"); status != http.StatusUnauthorized {
				c.Errorf("%s: %d %s", path, status, body)
			}
		}
	}
}
