package v1_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/gateway/gatewaytest"
	"stanzahook/pkg/message"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

const toOps = `{"from":"echo@bot.example.com","to":"ops@rooms.example.com","body":"hi"}`

// A message with join: the bot is in the room before it is sent; what the room says else is
// the answer, and nothing is sent.
func TestMessageJoins(t *testing.T) {
	f, rooms, _ := newRooms()
	n := &gatewaytest.Network{}
	h := serve(v1.Options{Rooms: rooms, Sender: n, Now: func() time.Time { return now }})
	post := func(token, query, body string) (int, string) {
		w := ask(h, token, "POST", "/v1/messages"+query, body)
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		what, token, body string
		state             muc.Status
		status            int
		has               string // in the answer
		sent              string // in the stanza; empty: none is sent
	}{
		{"a room", "opsonly", toOps, inRoom, 202, `"state":"confirmed"`, "type='groupchat'"},
		{"somebody in it", "opsonly", `{"from":"echo@bot.example.com","to":"ops@rooms.example.com/Juliet","body":"hi"}`, inRoom, 202, `"state":"confirmed"`, "to='ops@rooms.example.com/Juliet'"},
		{"it refuses", "opsonly", toOps, muc.Status{State: muc.Refused, Refusal: muc.Refusal{Condition: stanza.RegistrationRequired, Text: "members only"}}, 422, `"condition":"registration-required"`, ""},
		{"it does not answer", "opsonly", toOps, muc.Status{State: muc.Joining}, 504, "the message was not sent", ""},
		{"it is full", "opsonly", toOps, muc.Status{State: muc.Waiting, Refusal: muc.Refusal{Condition: stanza.ResourceConstraint}}, 504, `"condition":"resource-constraint","kept":true`, ""},
		{"no scope", "sender", toOps, inRoom, 403, `rooms`, ""},
		{"another room", "opsonly", strings.Replace(toOps, "ops@", "file@", 1), inRoom, 403, "allowed are ops@*", ""},
		{"somebody in another", "opsonly", strings.Replace(toOps, "ops@rooms.example.com", "file@rooms.example.com/x", 1), inRoom, 403, "allowed are ops@*", ""},
		{"a chat to the room", "opsonly", strings.Replace(toOps, `"body"`, `"type":"chat","body"`, 1), inRoom, 400, "join: a message to a room has type groupchat", ""},
		{"a groupchat to a nick", "opsonly", `{"to":"ops@rooms.example.com/Juliet","type":"groupchat","body":"hi"}`, inRoom, 400, "leave the nickname out", ""},
		{"a resource", "opsonly", strings.Replace(toOps, `echo@bot.example.com`, "echo@bot.example.com/x", 1), inRoom, 400, "leave the resource out of from", ""},
		{"a domain", "opsonly", `{"to":"rooms.example.com","body":"hi"}`, inRoom, 400, "is not a room", ""},
		{"no nick", "opsonly", `{"to":"ops@rooms.example.com","from":"bot.example.com","body":"hi"}`, inRoom, 400, "has no localpart", ""},
	} {
		rooms.await, f.asked = c.state, nil
		before := len(n.Sent())
		status, text := post(c.token, "?join=1", c.body)
		if status != c.status || !strings.Contains(text, c.has) {
			t.Errorf("%s: %d %s", c.what, status, text)
		}
		if status == 202 && strings.Join(f.asked, ";") != "join ops@rooms.example.com echo@bot.example.com by opsonly" {
			t.Errorf("%s: %q is done", c.what, f.asked)
		}
		switch sent := n.Sent()[before:]; {
		case len(sent) == 0 && c.sent == "":
		case len(sent) != 1 || c.sent == "" || !strings.Contains(sent[0].XML(), c.sent):
			t.Errorf("%s: %d sent", c.what, len(sent))
		}
	}
	// without it nothing is joined
	f.asked = nil
	if status, _ := post("opsonly", "", strings.Replace(toOps, `"body"`, `"type":"groupchat","body"`, 1)); status != 202 || len(f.asked) > 0 {
		t.Errorf("%d, %q is done", status, f.asked)
	}
}

// A message to a room that names no sender is from the only bot in it, if the caller may send from
// there and its own default is not in the room.
func TestMessageIsFromTheBotInTheRoom(t *testing.T) {
	_, rooms, _ := newRooms()
	n := &gatewaytest.Network{}
	h := serve(v1.Options{Rooms: rooms, Sender: n, Now: func() time.Time { return now }})
	for _, c := range []struct{ what, token, to, from, err string }{
		{"it may not send from there", "bound", "ops@rooms.example.com", "alice@bot.example.com", ""},
		{"its own is in the room", "sender in", "ops@rooms.example.com", "bot.example.com", ""},
		{"the only one", "sender", "ops@rooms.example.com", "echo@bot.example.com", ""},
		{"to somebody in it", "sender", "ops@rooms.example.com/Juliet", "echo@bot.example.com", ""},
		{"no bot is in it", "sender", "u@rooms.example.com", "bot.example.com", ""},
		{"several are", "sender", "ops@rooms.example.com", "bot.example.com", "several bots"},
	} {
		rooms.err = nil
		if c.err != "" {
			rooms.err = errors.New(c.err)
		}
		token, in := strings.CutSuffix(c.token, " in")
		rooms.isIn = in
		before := len(n.Sent())
		w := ask(h, token, "POST", "/v1/messages", `{"to":"`+c.to+`","body":"hi"}`)
		if sent := n.Sent()[before:]; w.Code != 202 || len(sent) != 1 || sent[0].From.String() != c.from {
			t.Errorf("%s: %d %s, %v", c.what, w.Code, w.Body, sent)
		}
	}
}

// With wait, a message to a room that the bot is in waits for its echo; others do not.
func TestMessageWaitsForEcho(t *testing.T) {
	_, rooms, _ := newRooms()
	n := &gatewaytest.Network{State: gateway.Echoed}
	h := serve(v1.Options{Rooms: rooms, Sender: n, Now: func() time.Time { return now }})
	for _, c := range []struct {
		query, body string
		in, echo    bool
	}{
		{"?wait=5s", toOps, true, true},
		{"?wait=5s&join=1", toOps, true, true},
		{"", toOps, true, false},
		{"?wait=5s", strings.Replace(toOps, `"body"`, `"type":"groupchat","body"`, 1), false, false},
		{"?wait=5s", strings.Replace(toOps, "rooms.example.com", "rooms.example.com/Juliet", 1), true, false},
		{"?wait=5s", strings.Replace(toOps, "ops@rooms", "u@rooms", 1), true, false},
	} {
		rooms.isIn = c.in
		w := ask(h, "opsonly", "POST", "/v1/messages"+c.query, c.body)
		how := n.How()
		if len(how) == 0 || how[len(how)-1].Echo != c.echo {
			t.Errorf("%s %s: %+v, %s", c.query, c.body, how, w.Body)
		}
		if c.echo && (w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"echoed"`)) {
			t.Errorf("%s: %d %s", c.query, w.Code, w.Body)
		}
	}
}

// A retraction in a room waits until the room has sent back what it retracts, and says which
// id that has there; a room that gives no ids makes nobody wait.
func TestRetractionWaitsForEcho(t *testing.T) {
	for _, c := range []struct {
		stanzaID string
		status   int
		want     string
	}{{"s9", 200, `"state":"confirmed"`}, {"", 422, "no-stable-id"}} {
		recent := message.NewRecent(message.RecentBytes)
		sent := message.Ref{Kind: message.Room, Own: botJID, Peer: roomJID, ID: "r9", OriginID: "r9", Mine: true}
		recent.Add(sent, botJID.String(), "hello", now)
		n := &gatewaytest.Network{MaxBytes: 10_000}
		asked := make(chan struct{}, 100)
		h := serve(v1.Options{Deliveries: &fake{}, Sender: n, Recent: recent, Now: func() time.Time {
			select {
			case asked <- struct{}{}:
			default:
			}
			return now
		}})
		done := make(chan *httptest.ResponseRecorder)
		go func() { done <- ask(h, "sender", "DELETE", "/v1/messages/"+sent.String(), "") }()
		<-asked
		select {
		case w := <-done:
			t.Fatalf("before the echo: %d %s", w.Code, w.Body)
		default:
		}
		echo := sent
		echo.StanzaID = c.stanzaID
		recent.Echoed(echo, now)
		if w := <-done; w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if c.status == 200 && (len(n.Sent()) != 1 || !strings.Contains(n.Sent()[0].XML(), "<retract xmlns='urn:xmpp:message-retract:1' id='s9'/>")) {
			t.Errorf("%d sent", len(n.Sent()))
		}
		// nobody waits for what this process has not sent
		other := sent
		other.ID = "yesterday"
		if w := ask(h, "sender", "DELETE", "/v1/messages/"+other.String(), ""); w.Code != 422 {
			t.Errorf("another: %d %s", w.Code, w.Body)
		}
	}
}
