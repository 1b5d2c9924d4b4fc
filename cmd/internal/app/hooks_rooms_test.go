package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// serviceIs answers the question what a service is.
func (x *running) serviceIs(domain, inner string) {
	x.t.Helper()
	iq := x.srv.Expect("the question to "+domain, func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && s.To.String() == domain })
	x.srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'>%s</query></iq>", iq.ID, domain, iq.From, inner))
}

const hasRooms = "<identity category='conference' type='text'/><feature var='http://jabber.org/protocol/muc'/>"

// joins waits for a join of ops@rooms.example.com by alerts@, and lets it in.
func (x *running) joins() {
	x.t.Helper()
	x.srv.Expect("the join", isJoin)
	x.srv.Send("<presence from='ops@rooms.example.com/alerts' to='alerts@bot.example.com/room'>" + mucUser + "<item affiliation='none' role='participant'/><status code='110'/></x></presence>" +
		"<message type='groupchat' from='ops@rooms.example.com' to='alerts@bot.example.com/room'><subject/></message>")
}

func isJoin(s *stanza.Stanza) bool {
	return s.Kind == stanza.Presence && s.Type == "" && s.To.String() == "ops@rooms.example.com/alerts"
}

// said waits for a message in the room.
func (x *running) said(text string) *stanza.Stanza {
	x.t.Helper()
	return x.srv.Expect(text, func(s *stanza.Stanza) bool {
		body, _ := s.Body()
		return body == text && s.Type == "groupchat" && s.To.String() == "ops@rooms.example.com" && s.From.String() == "alerts@bot.example.com/room"
	})
}

func roomHook(to, more string) string {
	return noAuth + "hooks: [" + strings.Replace(alertsHook("text", "text", more), "juliet@example.com", to, 1) + "]\n"
}

// A room is asked for by its service, joined with the first message, and kept; a message that
// the room has not taken since the bot was not in it waits for the next join. A recipient at
// another service is a user.
func TestHookIntoRoom(t *testing.T) {
	x := startApp(t, roomHook("ops@rooms.example.com, romeo@elsewhere.example", ""))
	done := make(chan string, 1)
	go func() {
		_, answer := x.call("", "POST", "/hooks/text/text", "one")
		done <- answer
	}()
	x.serviceIs("rooms.example.com", hasRooms)
	x.serviceIs("elsewhere.example", "<identity category='server' type='im'/>")
	x.hears("romeo", "one")
	if answer := <-done; !strings.Contains(answer, `{"to":"ops@rooms.example.com","id":`) || !strings.Contains(answer, `"state":"queued"}`) {
		t.Errorf("answer %s", answer)
	}
	x.joins()
	one := x.said("one")
	componenttest.Eventually(t, "nothing waits", func() bool { return x.waiting.Count() == 0 })
	x.request("POST", "/hooks/text/text", "two", 202, "")
	x.said("two")
	x.hears("romeo", "two")
	if v, err := x.rooms.Get(one.To, one.From.Bare()); err != nil || v.Source != "api" {
		t.Errorf("%+v %v", v, err)
	}
	two := x.hooks.Get("text")
	x.srv.Send(fmt.Sprintf("<message type='error' from='ops@rooms.example.com' to='alerts@bot.example.com/room' id='%s'><error type='cancel'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>", one.ID))
	x.joins()
	if again := x.said("one"); again.ID != one.ID {
		t.Errorf("sent again as %s, not %s", again.ID, one.ID)
	}
	if now := x.hooks.Get("text"); now.Failed != two.Failed {
		t.Errorf("%+v", now)
	}
	componenttest.Eventually(t, "the metrics say that nothing waits", func() bool {
		_, metrics := x.call("", "GET", "/metrics", "")
		return strings.Contains(metrics, "stanzahook_room_messages_waiting 0")
	})
}

// A join that fails is a failed message, with the condition, in the hook's status and the
// delivery log.
func TestHookRoomRefused(t *testing.T) {
	x := startApp(t, roomHook(`"xmpp:ops@rooms.example.com?join"`, ""))
	x.request("POST", "/hooks/text/text", "one", 202, "")
	x.srv.Expect("the join", isJoin)
	x.srv.Send("<presence type='error' from='ops@rooms.example.com/alerts' to='alerts@bot.example.com/room'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>")
	componenttest.Eventually(t, "the hook has failed", func() bool { return x.hooks.Get("text").Failed == 1 })
	if st := x.hooks.Get("text"); !strings.Contains(st.LastError, "registration-required") {
		t.Errorf("%+v", st)
	}
	componenttest.Eventually(t, "it is in the delivery log", func() bool {
		require.NoError(t, x.store.DeliveryLog().Flush(t.Context()))
		status, list := x.call("", "GET", "/v1/deliveries?endpoint=hook+text", "")
		return status == 200 && strings.Contains(list, `"state":"dropped"`) && strings.Contains(list, "registration-required")
	})
	componenttest.Eventually(t, "nothing waits", func() bool { return x.waiting.Count() == 0 })
}

// Without a connection, and over a restart, messages to a room wait for the join, in order.
func TestHookRoomWithoutConnection(t *testing.T) {
	srv := newServer(t)
	config := roomHook("ops@rooms.example.com", "")
	x := startAt(t, srv, zap.NewNop(), config)
	addr := srv.Addr()
	srv.Close()
	componenttest.Eventually(t, "the link is down", func() bool { return !x.links["bot.example.com"].Connected() })
	for _, text := range []string{"one", "two", "three"} {
		x.request("POST", "/hooks/text/text", text, 202, `"state":"queued"`)
	}
	x.next("")
	if n := x.waiting.Count(); n != 3 {
		t.Errorf("%d wait", n)
	}
	x.srv = componenttest.Start(t, addr, "bot.example.com", testSecret)
	x.serviceIs("rooms.example.com", hasRooms)
	x.joins()
	var order []string
	for range 3 {
		s := x.srv.Expect("a message", func(s *stanza.Stanza) bool { return s.Type == "groupchat" })
		body, _ := s.Body()
		order = append(order, body)
	}
	if fmt.Sprint(order) != "[one two three]" {
		t.Errorf("came %v", order)
	}
	componenttest.Eventually(t, "nothing waits", func() bool { return x.waiting.Count() == 0 })
}
