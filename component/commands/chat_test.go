package commands_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/component/commands"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

func (g *stage) write(from, body string) {
	g.n++
	g.Send(fmt.Sprintf("<message type='chat' id='m%d' from='%s' to='%s'><body>%s</body><request xmlns='urn:xmpp:receipts'/></message>", g.n, from, bot, body))
}

func (g *stage) heard(t *testing.T) string {
	t.Helper()
	s := g.Expect("a message", func(s *stanza.Stanza) bool { _, has := s.Body(); return has })
	body, _ := s.Body()
	return body
}

// Lines of a chat: those of who may are commands, and all others go their way.
func TestChat(t *testing.T) {
	g := newStage(t, 20*time.Second)
	const alice = "alice@example.com/cli"
	g.write(alice, "/deploy")
	first := g.Expect("what comes first", func(s *stanza.Stanza) bool { return s.Kind == stanza.Message })
	if _, has := first.Child("urn:xmpp:receipts", "received"); !has || first.To.String() != alice {
		t.Errorf("before the receipt comes %s", first.XML())
	}
	if got := g.heard(t); got != "env?\n- staging\n- prod\n(/cancel ends this)" {
		t.Errorf("%q", got)
	}
	g.answer <- inJSON(`{"result":{"title":"Deployed","fields":{"took":"3 s"}}}`)
	g.write("alice@example.com/phone", "prod") // another device
	if got := g.heard(t); got != "Deployed\ntook: 3 s" {
		t.Errorf("%q", got)
	}
	if d := g.next(t).Data; d.From != "alice@example.com" || d.Action != "execute" || d.Values["env"] != "prod" {
		t.Errorf("%+v", d)
	}
	g.answer <- says("text/plain", "not on Fridays", 409)
	g.write(alice, "/deploy env=prod")
	if got := g.heard(t); got != "not on Fridays" {
		t.Errorf("%q", got)
	}
	g.write(alice, "/help")
	if got := g.heard(t); got != "Commands:\n/deploy env=… [key=…] - Deploy\n/now - Now" {
		t.Errorf("%q", got)
	}
	for _, x := range [][2]string{{"carol@elsewhere.example/x", "/deploy env=prod"}, {"carol@elsewhere.example/x", "/help"}, {"bob@example.com/x", "/now"}, {alice, "hello"}, {alice, "/unknown"}, {"nurse@bot.example.com", "/deploy env=prod"}} {
		g.write(x[0], x[1])
		select {
		case s := <-g.passed:
			if body, _ := s.Body(); body != x[1] {
				t.Errorf("%s", s.XML())
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%q of %s is taken", x[1], x[0])
		}
	}
	if got := g.all.Runs("deploy"); len(got) != 2 || !got[0].Chat || got[0].Result != commands.Refused {
		t.Errorf("%+v", got)
	}
}

// Lines in rooms: not of those whom the room hides, and no other line than a command.
func TestChatInRoom(t *testing.T) {
	g := newStage(t, 20*time.Second)
	say := func(kind, body string, r webhook.Room) bool {
		t.Helper()
		s := stanza.Must(stanza.Parse("<message type='"+kind+"' id='r' from='ops@rooms.example.com/al' to='"+bot+"'><body>"+body+"</body></message>", stanza.Limits{}))
		r.JID, r.Nick, r.OwnNick = "ops@rooms.example.com", "al", "echo"
		return g.all.OfRoom(g.link, &webhook.Event{ID: "evt_1", Stanza: s, Room: &r})
	}
	known := webhook.Room{RealJID: "alice@example.com"}
	g.answer <- inJSON(`"Deployed."`)
	if !say("groupchat", "echo: /deploy env=prod", known) {
		t.Fatal("not taken")
	}
	s := g.Expect("the answer", func(s *stanza.Stanza) bool { return s.Type == "groupchat" })
	if body, _ := s.Body(); body != "al: Deployed." || s.To.String() != "ops@rooms.example.com" {
		t.Errorf("%s", s.XML())
	}
	if d := g.next(t).Data; d.From != "alice@example.com" || d.Room == nil || d.Room.Nick != "al" {
		t.Errorf("%+v", d)
	}
	if !say("groupchat", "/deploy", known) || g.heard(t) != "al: env: is missing\nWrite /deploy env=… [key=…]" {
		t.Error("no usage")
	}
	if !say("groupchat", "/deploy env=prod", webhook.Room{}) || g.heard(t) != "al: this room hides who you are, so I cannot run a command for you here. Write to me directly." {
		t.Error("not refused")
	}
	if !say("chat", "/deploy", known) || !strings.HasPrefix(g.heard(t), "env?") || !say("chat", "/cancel", known) || g.heard(t) != "Canceled." {
		t.Error("no question in private")
	}
	for _, x := range []struct {
		body string
		room webhook.Room
	}{
		{"hello", known}, {"prod", known}, {"hello", webhook.Room{}}, {"/help", webhook.Room{}}, {"/deploy env=prod", webhook.Room{RealJID: "carol@elsewhere.example"}}, {"/deploy env=prod", webhook.Room{RealJID: "alice@example.com", Missed: true}},
		{"/deploy env=prod", webhook.Room{RealJID: "alice@example.com", Bot: true}}, {"/deploy env=prod", webhook.Room{RealJID: "alice@example.com", Own: true}}, {"/deploy env=prod", webhook.Room{Type: "room.subject"}},
	} {
		if say("groupchat", x.body, x.room) {
			t.Errorf("%q is taken: %+v", x.body, x.room)
		}
	}
	if len(g.events) > 0 {
		t.Error("the webhook was asked")
	}
}

// A person who takes the nick of another cannot continue the other's run, and does not get its answer.
func TestNickOfAnother(t *testing.T) {
	g := newStage(t, 20*time.Second)
	alice, bob := jid.MustParse("alice@example.com"), jid.MustParse("bob@example.com")
	say := func(body string, who jid.JID) bool {
		g.nick.Store(&who)
		s := stanza.Must(stanza.Parse("<message type='chat' id='r' from='ops@rooms.example.com/al' to='"+bot+"'><body>"+body+"</body></message>", stanza.Limits{}))
		return g.all.OfRoom(g.link, &webhook.Event{ID: "evt_1", Stanza: s, Room: &webhook.Room{JID: "ops@rooms.example.com", Nick: "al", OwnNick: "echo", RealJID: who.String()}})
	}
	if !say("/deploy key=hunter2", alice) || !strings.HasPrefix(g.heard(t), "env?") {
		t.Fatal("nothing is asked")
	}
	if say("prod", bob) {
		t.Error("another one goes on")
	}
	if !say("prod", alice) {
		t.Fatal("she does not go on")
	}
	if d := g.next(t).Data; d.From != "alice@example.com" || d.Values["key"] != "hunter2" {
		t.Errorf("%+v", d)
	}
	g.nick.Store(&bob)
	g.answer <- inJSON(`"The secret of Alice."`)
	for g.all.Counters.Unsaid.Load() == 0 && len(g.Received()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if !say("/now", alice) {
		t.Fatal("not taken")
	}
	g.answer <- inJSON(`"Now."`)
	if got := g.heard(t); got != "Now." {
		t.Errorf("%q", got)
	}

	// The same by a client.
	g.nick.Store(&alice)
	g.Send("<iq type='set' id='taken' from='ops@rooms.example.com/al' to='" + bot + "'><command xmlns='http://jabber.org/protocol/commands' node='now'/></iq>")
	g.next(t)
	g.next(t)
	g.nick.Store(&bob)
	g.answer <- inJSON(`"The secret of Alice."`)
	if s := g.ExpectID("taken"); s.Type != "error" || strings.Contains(s.XML(), "secret") {
		t.Errorf("%s", s.XML())
	}
}
