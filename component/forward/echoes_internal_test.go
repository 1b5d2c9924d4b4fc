package forward

import (
	"fmt"
	"testing"

	"stanzahook/pkg/stanza"
)

type taker struct{}

func (taker) Send(_ string, _ *stanza.Stanza, _ bool, done func(error)) error { done(nil); return nil }

func TestEchoes(t *testing.T) {
	e := NewEchoes()
	s := e.Over(taker{})
	read := func(text string, args ...any) *stanza.Stanza {
		return stanza.Must(stanza.Parse(fmt.Sprintf(text, args...), stanza.Limits{}))
	}
	send := func(id string) {
		out := read("<message type='groupchat' from='echo@bot.example.com/r' to='room@rooms.example.com' id='%s'/>", id)
		if err := s.Send("bot.example.com", out, false, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	back := func(id, typ, from, to string) bool {
		return e.take(read("<message type='%s' from='%s' to='%s' id='%s'/>", typ, from, to, id))
	}
	const room, bot = "room@rooms.example.com/robot", "echo@bot.example.com"
	send("1")
	for _, other := range [][3]string{
		{"chat", room, bot}, {"error", room, bot}, {"groupchat", "other@rooms.example.com/robot", bot}, {"groupchat", room, "second@bot.example.com"},
	} {
		if back("1", other[0], other[1], other[2]) {
			t.Errorf("%v is taken for an echo", other)
		}
	}
	if back("2", "groupchat", room, bot) || !back("1", "groupchat", room, bot) || back("1", "groupchat", room, bot) {
		t.Error("an echo is not what came back of a reply, once")
	}
	for i := range maxEchoes + 1 {
		send(fmt.Sprint("n", i))
		send(fmt.Sprint("n", i)) // the link had no room for the first
	}
	if e.sent.Len() != maxEchoes || back("n0", "groupchat", room, bot) || !back(fmt.Sprint("n", maxEchoes), "groupchat", room, bot) {
		t.Errorf("%d are remembered", e.sent.Len())
	}
	if err := s.Send("bot.example.com", read("<message type='chat' from='echo@bot.example.com' to='u@example.com' id='chat'/>"), false, func(error) {}); err != nil || e.sent.Len() != maxEchoes-1 {
		t.Errorf("a chat message is remembered, or %v", err)
	}
}
