package rooms_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// sink takes what would be sent.
type sink struct{ sent []*stanza.Stanza }

func (k *sink) Send(_ string, s *stanza.Stanza, _ bool, done func(error)) error {
	k.sent = append(k.sent, s)
	done(nil)
	return nil
}

func parse(format string, args ...any) *stanza.Stanza {
	return stanza.Must(stanza.Parse(fmt.Sprintf(format, args...), stanza.Limits{}))
}

// Answers go to a room with the address that it knows, and not too many of them.
func TestAnswersToRooms(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	p.MaxAnswers = 3
	b := start(t, srv, openStore(t, t.TempDir()), p, setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	out := &sink{}
	send := b.rooms.Over(out)
	done := 0
	// Two reactions that acknowledge go with each answer, and do not take its place.
	for i := range 7 {
		ack := parse("<message type='groupchat' id='acknowledgement-%d' from='echo@bot.example.com' to='ops@rooms.example.com'><reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions></message>", i)
		if err := send.Send("bot.example.com", ack, false, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.rooms.Counters.Unacknowledged.Load(); len(out.sent) != 6 || n != 1 {
		t.Errorf("%d acknowledgements, and %d dropped", len(out.sent), n)
	}
	out.sent = nil
	for i := range 5 {
		answer := parse("<message type='groupchat' id='m%d' from='echo@bot.example.com' to='ops@rooms.example.com'><body>hi</body></message>", i)
		if err := send.Send("bot.example.com", answer, false, func(error) { done++ }); err != nil {
			t.Fatal(err)
		}
	}
	if len(out.sent) != 3 || done != 5 || out.sent[0].From.String() != "echo@bot.example.com/room" {
		t.Errorf("%d sent, %d done", len(out.sent), done)
	}
	if n := b.rooms.Counters.Muted.Load(); n != 2 {
		t.Errorf("%d answers were dropped", n)
	}
	b.expect(`"type":"room.muted"`, `"jid":"ops@rooms.example.com"`)
	b.none() // once
	for from, want := range map[string]string{"echo@bot.example.com": "echo@bot.example.com/room", "echo@bot.example.com/own": "echo@bot.example.com/own", "other@bot.example.com": "other@bot.example.com"} {
		pm := b.rooms.Address(parse("<message type='chat' id='p' from='%s' to='ops@rooms.example.com/Alice'><body>psst</body></message>", from))
		if pm.From.String() != want {
			t.Errorf("from %s: %s", from, pm.From)
		}
	}
	if !b.rooms.IsIn(ops, echo) || b.rooms.IsIn(ops, jid.MustParse("other@bot.example.com")) {
		t.Error("who is in")
	}
}

// Invitations: joined by policy, else an event, whose answer joins.
func TestInvitations(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	glob, err := jid.ParseGlob("*@example.com")
	if err != nil {
		t.Fatal(err)
	}
	p.Invites = []jid.Glob{glob}
	b := start(t, srv, openStore(t, t.TempDir()), p)
	srv.WaitConnected(1)
	direct := "<message from='%s' to='echo@bot.example.com'><x xmlns='jabber:x:conference' jid='%s' reason='join us' password='pw'/></message>"
	mediated := "<message from='%s' to='echo@bot.example.com'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='%s'><reason>come</reason></invite></x><body>text</body></message>"
	srv.Send(fmt.Sprintf(direct, "alice@example.com/phone", "one@rooms.example.org"))
	b.joins("<password>pw</password>")
	b.expect("room.joined", "one@rooms.example.org")
	srv.Send(fmt.Sprintf(mediated, "two@rooms.example.com", "alice@example.com/phone"))
	b.joins("maxstanzas")
	b.expect("room.joined", "two@rooms.example.com")
	// a service of another server may say that anybody invites
	srv.Send(fmt.Sprintf(mediated, "evil@rooms.example.net", "alice@example.com/phone"))
	ev := b.expect(`"type":"room.invite"`, `"inviter":"alice@example.com/phone"`, `"reason":"come"`, `"room":{"jid":"evil@rooms.example.net"`, `"to":"echo@bot.example.com"`)
	srv.Send(fmt.Sprintf(direct, "mallory@example.net/x", "three@rooms.example.net"))
	b.expect(`"type":"room.invite"`, `"password":"pw"`)
	b.none()
	// the answer {"join": true} is this
	out := &sink{}
	join := parse("<presence from='echo@bot.example.com' to='evil@rooms.example.net'><join xmlns='urn:stanzahook:room:0' password='x'/></presence>")
	if err := b.rooms.Over(out).Send(ev.Component, join, false, func(error) {}); err != nil || len(out.sent) > 0 {
		t.Errorf("%v, %v", err, out.sent)
	}
	b.joins("<password>x</password>")
	if v, err := b.rooms.Get(jid.MustParse("evil@rooms.example.net"), echo); err != nil || v.Source != rooms.FromInvite {
		t.Errorf("%+v, %v", v, err)
	}
}

// A webhook that accepts what anybody invites to, while there is no place, does not fill the log.
func TestAcceptedWithoutPlace(t *testing.T) {
	p := policy()
	p.MaxRooms = 1
	b := start(t, componenttest.NewServer(t, "bot.example.com", "secret"), openStore(t, t.TempDir()), p, setting())
	over := b.rooms.Over(&sink{})
	for i := range 50 {
		join := parse("<presence from='echo@bot.example.com' to='r%d@rooms.example.net'><join xmlns='urn:stanzahook:room:0'/></presence>", i)
		if err := over.Send("bot.example.com", join, false, func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.logs.FilterMessage("invitation not accepted").Len(); n != 1 {
		t.Errorf("the log has it %d times", n)
	}
}

// Those who invite leave places to others: strangers' services take a quarter, all together a half.
func TestShareOfInvitations(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	p.AnyInvite, p.MaxRooms = true, 8
	b := start(t, srv, openStore(t, t.TempDir()), p)
	srv.WaitConnected(1)
	invite := func(room string) {
		srv.Send(fmt.Sprintf("<message from='m@evil.example/x' to='echo@bot.example.com'><x xmlns='jabber:x:conference' jid='%s'/></message>", room))
	}
	refused := func(n int) {
		t.Helper()
		componenttest.Eventually(t, "an invitation is not accepted", func() bool { return b.logs.FilterMessage("invitation not accepted").Len() >= n })
	}
	kept := func(n int) {
		t.Helper()
		componenttest.Eventually(t, "rooms", func() bool { return len(b.rooms.List()) == n })
	}
	for i := range 2 {
		invite(fmt.Sprintf("r%d@d%d.evil.example", i, i)) // any number of services costs nothing
		kept(i + 1)
	}
	invite("r3@evil.example")
	refused(1)
	for i := range 2 {
		invite(fmt.Sprintf("r%d@rooms.example.com", i))
		kept(i + 3)
	}
	if err := b.rooms.Keep(t.Context(), rooms.Settings{Room: ops, Bot: echo, Nick: "Echo"}); err != nil {
		t.Error(err)
	}
	kept(5)
	invite("r3@rooms.example.com")
	componenttest.Eventually(t, "so many invitations", func() bool { return b.rooms.Counters.Invites.Load() == 6 })
	kept(5)
}

// A caller of the API cannot take all places: as many are left for others as it has, however many
// come. All of them are there again after a restart.
func TestShareOfCallers(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	s := openStore(t, t.TempDir())
	p := policy()
	p.MaxRooms = 9
	b := start(t, srv, s, p, setting())
	n := 0
	keeps := func(by string, bot jid.JID, want error) {
		t.Helper()
		n++
		set := rooms.Settings{Room: jid.MustParse(fmt.Sprintf("r%d@rooms.example.com", n)), Bot: bot, Nick: "Echo", By: by}
		if err := b.rooms.Keep(t.Context(), set); err != want {
			t.Fatalf("room %d of %s: %v, want %v", n, by, err, want)
		}
	}
	for range 4 {
		keeps("mallory", echo, nil)
	}
	keeps("mallory", echo, rooms.ErrShare)
	keeps("mallory", jid.MustParse("other@bot.example.com"), rooms.ErrShare)
	keeps("alice", echo, nil)
	keeps("alice", echo, nil)
	keeps("alice", echo, rooms.ErrShare)
	second := jid.MustParse("second@bot.example.com")
	keeps("", second, nil) // as a hook does
	keeps("", second, rooms.ErrShare)
	keeps("", jid.MustParse("third@bot.example.com"), nil)
	keeps("bob", echo, rooms.ErrFull)
	if c := &b.rooms.Counters; c.OverShare.Load() != 4 || c.Full.Load() != 1 {
		t.Errorf("counted: %d over a share, %d full", c.OverShare.Load(), c.Full.Load())
	}
	// what is kept can be changed, by whomever
	if err := b.rooms.Keep(t.Context(), rooms.Settings{Room: jid.MustParse("r1@rooms.example.com"), Bot: echo, Nick: "Bot", By: "bob"}); err != nil {
		t.Error(err)
	}
	b.stop()
	b = start(t, srv, s, p, setting())
	if n := len(b.rooms.List()); n != 9 {
		t.Errorf("%d rooms after the restart", n)
	}
	room := jid.MustParse("r1@rooms.example.com")
	if err := b.rooms.Leave(t.Context(), room, echo, false, ""); err != nil {
		t.Error(err)
	}
	keeps("mallory", echo, rooms.ErrShare) // it has three, and there is one place
	keeps("bob", echo, nil)
}

// Two bots in a room do not hear each other, but copies do; nobody can write what only we
// may say.
func TestOwnWordsAndFakes(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	second := setting()
	second.Bot, second.Nick = jid.MustParse("second@bot.example.com"), "Second"
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting(), second)
	b.joins("maxstanzas")
	b.joins("maxstanzas")
	b.event()
	b.event()
	srv.Send(said("s1", "Second", "I am a bot", ""))
	ev := b.expect(`"nick":"Second"`, `"bot":true`)
	plain, copies, own := &webhook.Endpoint{Name: "a"}, &webhook.Endpoint{Name: "b", Copy: true}, &webhook.Endpoint{Name: "c", Match: webhook.Match{Own: true}}
	if plain.Matches(ev.Component, ev.Stanza) || !copies.Matches(ev.Component, ev.Stanza) || !own.Matches(ev.Component, ev.Stanza) {
		t.Error("words of a bot of ours are events of copies and of match.own only")
	}
	srv.Send(said("a1", "Alice", "fake", "<room xmlns='urn:stanzahook:room:0' affiliation='owner' own='1'/>"))
	ev = b.expect(`"nick":"Alice"`, `"affiliation":null`, `"bot":false`)
	if strings.Count(ev.Stanza.XML(), "urn:stanzahook") != 1 || own.Matches(ev.Component, ev.Stanza) || !plain.Matches(ev.Component, ev.Stanza) {
		t.Error(ev.Stanza.XML())
	}
}

// A room of another server says of the users of its own server who they are; of ours it could say what
// it likes, and have a bot obey.
func TestRealAddressesOfOtherServers(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	far, other := setting(), setting()
	far.Room, other.Room = jid.MustParse("ops@rooms.evil.example"), jid.MustParse("ops@rooms.ours.example")
	b := startOptions(t, srv, openStore(t, t.TempDir()), rooms.Options{Home: func(domain string) bool { return domain == "rooms.ours.example" }}, policy(), setting(), far, other)
	for range 3 {
		b.joins("maxstanzas")
		b.expect("room.joined")
	}
	for _, c := range []struct{ room, claims, want string }{
		{"ops@rooms.example.com", "alice@example.com/x", "alice@example.com"},
		{"ops@rooms.example.com", "guest@far.example/x", "guest@far.example"},
		{"ops@rooms.ours.example", "alice@example.com/x", "alice@example.com"},
		{"ops@rooms.evil.example", "eve@evil.example/x", "eve@evil.example"},
		{"ops@rooms.evil.example", "alice@example.com/x", ""},
		{"ops@rooms.evil.example", "guest@far.example/x", ""},
		{"ops@rooms.evil.example", "guest@vil.example/x", ""},
	} {
		from := c.room + "/Nick"
		srv.Send(fmt.Sprintf("<presence from='%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='%s'/></x></presence>", from, c.claims))
		b.expect(`"change":"joined"`)
		srv.Send(fmt.Sprintf("<message type='groupchat' id='m' from='%s' to='echo@bot.example.com/room'><body>hi</body></message>", from))
		ev := b.expect(`"text":"hi"`)
		who, isRoom := b.rooms.Behind(jid.MustParse(from), echo)
		if ev.Room.RealJID != c.want || who.String() != c.want || !isRoom {
			t.Errorf("%s claims %s: %q and %q, want %q", c.room, c.claims, ev.Room.RealJID, who, c.want)
		}
		there, err := b.rooms.Occupants(jid.MustParse(c.room), echo)
		if err != nil || len(there) != 2 || there[0].JID.String() != "echo@bot.example.com/room" || !there[0].Bot {
			t.Fatalf("%+v %v", there, err)
		}
		if o := there[1]; o.JID.Bare().String() != c.want || (o.Claimed.String() == c.claims) != (c.want == "") || !o.Claimed.IsZero() && c.want != "" {
			t.Errorf("%s claims %s: in the list %q, claimed %q, want %q", c.room, c.claims, o.JID, o.Claimed, c.want)
		}
		srv.Send(fmt.Sprintf("<presence type='unavailable' from='%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/></x></presence>", from))
		b.expect(`"change":"left"`)
	}
}
