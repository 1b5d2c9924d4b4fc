package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/cmd/internal/livecheck"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

const (
	opsRoom = "rooms: [{jid: ops@rooms.example.com, from: alerts@bot.example.com, nick: alerts}]\n"
	sayOps  = `{"from":"alerts@bot.example.com","to":"ops@rooms.example.com","body":"%s"}`
)

// isJoined waits until the bot is in its room.
func (x *running) isJoined() {
	x.t.Helper()
	componenttest.Eventually(x.t, "the bot is in its room", func() bool {
		_, list := x.call("", "GET", "/v1/rooms", "")
		return strings.Contains(list, `"state":"joined"`)
	})
}

// A message that is posted while the bot joins the room again waits for the join. If the room
// refuses the bot, the caller that waits gets the error, and the state of the message has it.
func TestPostedBeforeTheRejoin(t *testing.T) {
	x := startApp(t, noAuth+opsRoom)
	x.joins()
	x.isJoined()
	x.srv.Drop()
	x.srv.Expect("the join", isJoin)
	type answer struct {
		status int
		body   string
	}
	waits := make(chan answer, 1)
	go func() {
		status, body := x.call("", "POST", "/v1/messages?wait=30s", fmt.Sprintf(sayOps, "one"))
		waits <- answer{status, body}
	}()
	componenttest.Eventually(t, "one waits", func() bool { return x.waiting.Count() == 1 })
	x.request("POST", "/v1/messages", strings.Replace(fmt.Sprintf(sayOps, "two"), "{", `{"id":"two",`, 1), 202, `"state":"queued"`)
	if _, metrics := x.call("", "GET", "/metrics", ""); !strings.Contains(metrics, "stanzahook_room_messages_waiting 2\n") {
		t.Error("no metric of what waits")
	}
	x.srv.Send("<presence type='error' from='ops@rooms.example.com/alerts' to='alerts@bot.example.com/room'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>")
	if got := <-waits; got.status != 422 || !strings.Contains(got.body, `"condition":"registration-required"`) {
		t.Error(got)
	}
	componenttest.Eventually(t, "the other has bounced", func() bool {
		_, body := x.call("", "GET", "/v1/messages/two", "")
		return strings.Contains(body, `"state":"bounced"`) && strings.Contains(body, "registration-required")
	})
	if n := x.waiting.Count(); n != 0 {
		t.Error(n)
	}
}

// What waits gets through the state of a message, and the echo ends the wait.
func TestPostedAndEchoed(t *testing.T) {
	x := startApp(t, noAuth+opsRoom)
	x.joins()
	x.isJoined()
	x.srv.Drop()
	x.srv.WaitConnected(2)
	componenttest.Eventually(t, "the link is up", func() bool { return x.links["bot.example.com"].Connected() })
	answer := make(chan string, 1)
	go func() {
		_, body := x.call("", "POST", "/v1/messages?wait=30s", fmt.Sprintf(sayOps, "one"))
		answer <- body
	}()
	x.joins()
	one := x.said("one")
	x.srv.Send(fmt.Sprintf("<message type='groupchat' id='%s' from='ops@rooms.example.com/alerts' to='alerts@bot.example.com/room'><body>one</body></message>", one.ID))
	if body := <-answer; !strings.Contains(body, `"state":"echoed"`) {
		t.Error(body)
	}
}

// What an earlier version has left in the outbox waits for the join, too; what is too old is a
// dead letter.
func TestOutboxOfBefore(t *testing.T) {
	x := startApp(t, noAuth+opsRoom)
	s := stanza.Must(stanza.Parse("<message type='groupchat' id='old' from='alerts@bot.example.com/room' to='ops@rooms.example.com'><body>old</body></message>", stanza.Limits{}))
	o := livecheck.StoreOptions(x.config())
	o.Dir = t.TempDir()
	before, err := store.Open(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, before.Outbox().Put(t.Context(), store.Outgoing{ID: "1", Component: "bot.example.com", Queued: time.Now(), Stanza: s.XML()}))
	before.Close()
	x.restart(o.Dir)
	componenttest.Eventually(t, "it waits", func() bool { return x.waiting.Count() == 1 })
	x.joins()
	x.said("old")
	x.onWaited(s, gateway.ErrExpired)
	componenttest.Eventually(t, "a dead letter", func() bool {
		_, list := x.call("", "GET", "/v1/dead-letters", "")
		return strings.Contains(list, "ops@rooms.example.com")
	})
}
