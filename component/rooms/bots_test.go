package rooms_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

var spy = jid.MustParse("spy@bot.example.com")

// twoBots puts Echo into the room, and answers the join of Spy.
func twoBots(t *testing.T, answer func(join *stanza.Stanza) string) (*componenttest.Server, *bench) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting())
	b.joins("maxstanzas='0'")
	b.expect("room.joined")
	if err := b.rooms.Keep(t.Context(), rooms.Settings{Room: ops, Bot: spy, Nick: "Spy", History: muc.NoHistory}); err != nil {
		t.Fatal(err)
	}
	srv.Send(answer(srv.Expect("the join of Spy", isJoin)))
	return srv, b
}

func refusal(p *stanza.Stanza, condition string) string {
	return fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='auth'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", p.To, p.From, condition)
}

// A bot's configured nick counts as the bot's only while the bot is in the room: if a person
// has the nick, their messages are events.
func TestNickOfABotThatIsNotThere(t *testing.T) {
	for state, condition := range map[muc.State]string{muc.Refused: "forbidden", muc.Waiting: "service-unavailable"} {
		t.Run(string(state), func(t *testing.T) {
			srv, b := twoBots(t, func(join *stanza.Stanza) string { return refusal(join, condition) })
			componenttest.Eventually(t, "Spy is out", func() bool { v, _ := b.rooms.Get(ops, spy); return v.State == state })
			srv.Send(said("s1", "Spy", "I am a person", ""))
			if ev := b.expect(`"body":"I am a person"`, `"bot":false`); ev.Room.Own {
				t.Error("the words of a person are taken for those of a bot")
			}
		})
	}
}

// Nor is the nick of a bot that of somebody whose real address the room shows.
func TestBotByItsRealAddress(t *testing.T) {
	srv, b := twoBots(t, func(join *stanza.Stanza) string { return in(join.To.String(), join.From.String()) })
	shown := "<presence from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant' jid='%s'/></x></presence>"
	srv.Send(fmt.Sprintf(shown, "Other", "spy@bot.example.com/room"))
	b.expect("room.occupant", `"nick":"Other"`, `"bot":true`)
	srv.Send(said("s1", "Other", "of Spy", ""))
	if ev := b.expect(`"body":"of Spy"`, `"bot":true`); !ev.Room.Own {
		t.Error("the words of a bot are taken for those of a person")
	}
}

// What our bots say to each other alone is no more an event than what they say to all: else
// two that answer everything would never end.
func TestPrivateWordsOfABot(t *testing.T) {
	srv, b := twoBots(t, func(join *stanza.Stanza) string { return in(join.To.String(), join.From.String()) })
	componenttest.Eventually(t, "Spy is in", func() bool { v, _ := b.rooms.Get(ops, spy); return v.Present })
	private := "<message type='chat' from='ops@rooms.example.com/%s' to='echo@bot.example.com/room'><body>psst</body></message>"
	srv.Send(fmt.Sprintf(private, "Spy"))
	if ev := b.expect(`"type":"message.private"`, `"bot":true`); !ev.Room.Own || ev.Room.Mention {
		t.Errorf("own %t, mention %t", ev.Room.Own, ev.Room.Mention)
	}
	srv.Send(fmt.Sprintf(private, "Alice"))
	if ev := b.expect(`"type":"message.private"`, `"bot":false`); ev.Room.Own || !ev.Room.Mention {
		t.Errorf("own %t, mention %t", ev.Room.Own, ev.Room.Mention)
	}
}

const kicked = "<presence type='unavailable' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item role='none'/><status code='307'/></x></presence>"

// A room that has refused the bot is joined when it is asked for, also if a reload has changed
// how all rooms are kept.
func TestRefusedRoomAfterAReload(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy())
	srv.WaitConnected(1)
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	b.joins("maxstanzas")
	b.expect("room.joined")
	srv.Send(kicked)
	b.expect("room.left")
	p := policy()
	p.CatchUpMax = 7
	b.rooms.Set(nil, p)
	if v, err := b.rooms.Get(ops, echo); err != nil || v.State != muc.Refused {
		t.Errorf("after the reload %s, %v", v.State, err)
	}
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	b.joins("since=")
	b.expect("room.joined")
}

// That a room has refused the bot is kept over a stop that leaves all rooms.
func TestRefusedRoomAfterAStop(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy(), setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	srv.Send(kicked)
	b.expect("room.left")
	b.rooms.Stop(t.Context())
	b.stop()
	all, err := s.Rooms().All(t.Context())
	if err != nil || len(all) != 1 || !strings.Contains(string(all[0].Refused), "kicked") {
		t.Fatalf("stored: %+v, %v", all, err)
	}
	b = start(t, srv, s, policy(), setting())
	srv.WaitConnected(2)
	if v, err := b.rooms.Get(ops, echo); err != nil || v.State != muc.Refused {
		t.Errorf("after the start %s, %v", v.State, err)
	}
}

// An invitation to a room that has refused the bot is one as any other: it is accepted, with
// its password, or an event.
func TestInvitedAfterARefusal(t *testing.T) {
	invite := "<message from='ops@rooms.example.com' to='echo@bot.example.com'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='alice@example.com'/><password>letmein</password></x></message>"
	for _, any := range []bool{true, false} {
		srv := componenttest.NewServer(t, "bot.example.com", "secret")
		p := policy()
		p.AnyInvite = any
		b := start(t, srv, openStore(t, t.TempDir()), p, setting())
		b.joins("maxstanzas")
		b.expect("room.joined")
		srv.Send(invite) // it is in
		srv.Send(kicked)
		b.expect("room.left")
		srv.Send(invite)
		if !any {
			b.expect("room.invite", "letmein")
			continue
		}
		b.joins("<password>letmein</password>")
		b.expect("room.joined", `"nick":"Echo"`)
	}
}

// A store that takes its time does not delay what is due in rooms.
func TestSlowStore(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	p.SelfPing = 40 * time.Millisecond
	b := start(t, srv, openStore(t, t.TempDir()), p, setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	release, err := b.rooms.HoldWrites(ops, echo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release) // before the rooms stop
	srv.Send(said("m1", "Alice", "hi", ""))
	b.expect(`"body":"hi"`)
	for range 25 { // in more time than there is between two marks
		ping := srv.Expect("a ping", func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && strings.Contains(s.XML(), "urn:xmpp:ping") })
		srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", ping.ID, ping.To, ping.From))
	}
}

// A ping that is answered after the clock has looked again does not hold up the next one.
func TestLateAnswerToPing(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	p.SelfPing = 40 * time.Millisecond
	b := start(t, srv, openStore(t, t.TempDir()), p, setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	for range 4 {
		ping := srv.Expect("a ping", func(s *stanza.Stanza) bool { return s.Kind == stanza.IQ && strings.Contains(s.XML(), "urn:xmpp:ping") })
		time.Sleep(60 * time.Millisecond) // the clock looks at most 20 ms after the ping, and then at its end
		srv.Send(fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", ping.ID, ping.To, ping.From))
	}
}
