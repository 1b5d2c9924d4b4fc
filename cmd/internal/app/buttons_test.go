package app

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

const picks = "<action-selected xmlns='urn:xmpp:tmp:quick-response' id='%s'/>"

// An answer by a button is a choice, whether a caller, a webhook or a program of the modules has
// composed the message. The next process knows that, too, also after a kill: a killed process
// leaves what the store has before the stop.
func TestButtons(t *testing.T) {
	b := newMessageBot(t)
	srv := newServer(t)
	x := startAt(t, srv, zap.NewNop(), noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q}]\n", b.URL))
	answer := func(text string, choice, of any) {
		t.Helper()
		x.fromUser("a", text)
		if got := b.next(t, "message.chat"); got["choice"] != choice || of != "any" && got["ref_of"] != of {
			t.Errorf("%s: %v of %v, want %v of %v", text, got["choice"], got["ref_of"], choice, of)
		}
	}
	answer("<body>1</body>", nil, nil)
	id, ref := x.say("POST", "/v1/messages", `{"from":"echo@bot.example.com","to":"u@example.com","body":"Deploy?","buttons":[{"label":"Yes","value":"yes"},{"label":"No","value":"no"}]}`)
	x.srv.ExpectID(id)
	answer("<body>1</body>", "yes", ref)
	answer("<body>NO</body>", "no", ref)
	answer("<body>perhaps</body>", nil, nil)
	answer(fmt.Sprintf(picks, "yes"), "yes", ref)
	x.srv.Send("<message type='chat' id='v' from='v@example.com/r' to='echo@bot.example.com'><body>1</body></message>")
	if got := b.next(t, "message.chat"); got["choice"] != nil {
		t.Errorf("who was not asked: %v", got)
	}
	if _, metrics := x.call("", "GET", "/metrics", ""); !strings.Contains(metrics, "stanzahook_button_questions 1") || !strings.Contains(metrics, "stanzahook_button_choices_total 3") {
		t.Error("the metrics do not have them")
	}

	componenttest.Eventually(t, "the question is stored", func() bool {
		all, err := x.store.Questions().All(t.Context())
		return err == nil && len(all) == 1 && strings.Contains(string(all[0]), ref)
	})
	next := func(links int) {
		t.Helper()
		x.restart("")
		srv.WaitConnected(links)
	}
	next(2)
	answer("<body>2</body>", "no", ref)
	answer("<body>2</body><reply xmlns='urn:xmpp:reply:0' id='"+id+"'/>", "no", ref)

	_, _ = x.say("PATCH", "/v1/messages/"+ref, `{"body":"Deployed."}`)
	answer("<body>2</body>", nil, nil)
	next(3)
	answer("<body>2</body>", nil, nil)

	b.answer = `{"body":"Sure?","buttons":["Yes"]}`
	answer("<body>deploy</body>", nil, nil)
	out := x.srv.Expect("the question", func(s *stanza.Stanza) bool { text, _ := s.Body(); return text == "Sure?\n1) Yes" })
	b.answer = ""
	answer("<body>1</body>", "Yes", "any")
	b.answer = `{"retract":"` + fmt.Sprint(x.refOf(t, b, out.ID)) + `"}`
	answer("<body>1</body>", "Yes", "any")
	b.answer = ""
	x.srv.Expect("the retraction", func(s *stanza.Stanza) bool { _, ok := s.Child("urn:xmpp:message-retract:1", "retract"); return ok })
	answer("<body>1</body>", nil, nil)
	x.request("POST", "/rest", `{"kind":"message","type":"chat","from":"echo@bot.example.com","to":"u@example.com","body":"Tea?","xml":"<action xmlns='urn:xmpp:tmp:quick-response' id='tea-7' label='Tea'/>"}`, 202, "")
	answer(fmt.Sprintf(picks, "tea-7"), "tea-7", "any")
	answer(fmt.Sprintf(picks, "tea-8"), nil, nil)
}

// refOf returns the ref of a message of the bot, by a reaction to it.
func (x *running) refOf(t *testing.T, b *messageBot, id string) any {
	t.Helper()
	x.fromUser("r", "<reactions xmlns='urn:xmpp:reactions:0' id='"+id+"'/>")
	return b.next(t, "message.reaction")["ref_of"]
}

// In a room all may choose. That counts as a mention, so that endpoints get it that hear nothing
// else. What a bot says is no choice, and a retraction by the id of the room ends them.
func TestButtonsInRoom(t *testing.T) {
	b := newMessageBot(t)
	x := startApp(t, noAuth+fmt.Sprintf("endpoints: [{name: echo, url: %q, match: {mention: true}}]\n", b.URL))
	joined := make(chan int, 1)
	go func() {
		status, _ := x.call("", "PUT", roomPath+"?wait=20s", `{"from":"echo@bot.example.com","nick":"Echo"}`)
		joined <- status
	}()
	x.lets()
	if status := <-joined; status != 200 {
		t.Fatal(status)
	}
	n := 0
	says := func(nick, inner string) {
		n++
		id := fmt.Sprint("r", n)
		x.srv.Send("<message type='groupchat' id='" + id + "' from='ops@rooms.example.com/" + nick + "' to='echo@bot.example.com/room'>" + inner + "<stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='s" + id + "'/></message>")
	}
	chooses := func(nick, inner, want string) {
		t.Helper()
		says(nick, inner)
		if got := b.next(t, "message.groupchat"); got["choice"] != want {
			t.Errorf("%s: %v, want %s", inner, got["choice"], want)
		}
	}
	const ask = `{"from":"echo@bot.example.com","to":"ops@rooms.example.com","body":"Who does it?","buttons":["me","nobody"]}`
	id, ref := x.say("POST", "/v1/messages", ask)
	out := x.srv.ExpectID(id)
	x.srv.Send("<message type='groupchat' id='" + id + "' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'>" + out.Inner() + "<stanza-id xmlns='urn:xmpp:sid:0' by='ops@rooms.example.com' id='s1'/></message>")
	chooses("Alice", "<body>1</body>", "me")
	says("Alice", "<body>hello</body>")
	says("Echo", "<body>2</body>") // from another of its programs
	chooses("Alice", "<body>Echo: 2</body>", "nobody")
	chooses("Alice", fmt.Sprintf(picks, "me"), "me")
	b.answer = `{"retract":"` + ref + `"}`
	chooses("Alice", "<body>2</body><reply xmlns='urn:xmpp:reply:0' id='s1'/>", "nobody")
	x.srv.Expect("the retraction", func(s *stanza.Stanza) bool {
		return strings.Contains(s.XML(), "<retract xmlns='urn:xmpp:message-retract:1' id='s1'/>")
	})
	b.answer = ""
	says("Alice", "<body>2</body>")
	says("Alice", "<body>Echo: 2</body>")
	if got := b.next(t, "message.groupchat"); got["choice"] != nil || got["text"] != "2" || got["body"] != "Echo: 2" {
		t.Errorf("%v", got)
	}
}
