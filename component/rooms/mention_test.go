package rooms_test

import (
	"fmt"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/jid"
)

// Mentions (XEP-0513) of the bot itself count, and replies to what it has said.
func TestMentions(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	ours := func(bot, room jid.JID, id string) bool { return bot == echo && room == ops && id == "ours" }
	b := startOptions(t, srv, openStore(t, t.TempDir()), rooms.Options{Ours: ours}, policy(), setting())
	b.joins("maxstanzas='0'")
	b.expect("room.joined")
	const mention = "<mention xmlns='urn:xmpp:mentions:0' begin='0' end='2' %s/>"
	for i, c := range []struct {
		inner string
		want  bool
	}{
		{fmt.Sprintf(mention, "jid='echo@bot.example.com'"), true},
		{fmt.Sprintf(mention, "jid='ops@rooms.example.com/Echo'"), true},
		{fmt.Sprintf(mention, "jid='other@bot.example.com'"), false},
		{fmt.Sprintf(mention, "occupantid='unknown'"), false},
		{fmt.Sprintf(mention, "mentions='urn:xmpp:mentions:0#channel' jid='echo@bot.example.com'"), false},
		{"<mention xmlns='urn:xmpp:mentions:0' jid='echo@bot.example.com'><noping/></mention>", false},
		{"<reply xmlns='urn:xmpp:reply:0' id='ours'/>", true},
		{"<reply xmlns='urn:xmpp:reply:0' id='theirs'/>", false},
	} {
		srv.Send(said(fmt.Sprint("m", i), "Alice", "hi", c.inner))
		b.expect(fmt.Sprintf(`"id":"m%d"`, i), fmt.Sprintf(`"mention":%t`, c.want))
	}
}

// Who takes a bot out of a room sees that as an event.
func TestLeftByItself(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy())
	srv.WaitConnected(1)
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	b.joins("maxstanzas")
	b.expect("room.joined")
	if err := b.rooms.Leave(t.Context(), ops, echo, false, "done"); err != nil {
		t.Fatal(err)
	}
	b.expect(`"type":"room.left"`, `"reason":"left"`, `"text":"done"`)
}
