package rooms_test

import (
	"fmt"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/stanza"
)

// authorOf returns who a message to an address goes to.
func (b *bench) authorOf(typ, to string) string {
	b.t.Helper()
	m, err := stanza.Parse(fmt.Sprintf("<message type='%s' from='%s/room' to='%s'><body>x</body></message>", typ, echo, to), stanza.Limits{MaxBytes: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.rooms.Author(m)
}

// An occupant without a known address counts as somebody else if the nick was free meanwhile, and
// in the next process. Other messages are for no occupant.
func TestAuthor(t *testing.T) {
	s, srv := openStore(t, t.TempDir()), componenttest.NewServer(t, "bot.example.com", "secret")
	bob := "<presence from='ops@rooms.example.com/Bob' to='echo@bot.example.com/room'%s><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/></x></presence>"
	comes, goes := fmt.Sprintf(bob, ""), fmt.Sprintf(bob, " type='unavailable'")
	b := start(t, srv, s, policy(), setting())
	b.joins("maxstanzas", alice, comes)
	b.expect("room.joined")
	if got := b.authorOf("chat", "ops@rooms.example.com/Alice"); got != "jid alice@example.com" {
		t.Errorf("alice is %q", got)
	}
	for typ, to := range map[string]string{"groupchat": "ops@rooms.example.com/Alice", "chat": "ops@rooms.example.com/Nobody", "normal": "ops@rooms.example.com", "": "alice@example.com/phone"} {
		if got := b.authorOf(typ, to); got != "" {
			t.Errorf("%s %s: %q", typ, to, got)
		}
	}
	first := b.authorOf("chat", "ops@rooms.example.com/Bob")
	srv.Send(goes + comes)
	b.expect(`"change":"left"`)
	b.expect(`"change":"joined"`)
	second := b.authorOf("chat", "ops@rooms.example.com/Bob")
	b.stop()
	b = start(t, srv, s, policy(), setting())
	b.joins("", alice, comes)
	b.expect("room.joined")
	if third := b.authorOf("chat", "ops@rooms.example.com/Bob"); first == "" || second == "" || third == "" || first == second || second == third || first == third {
		t.Errorf("bob is %q, then %q, then %q", first, second, third)
	}
}
