package waiting_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/component/waiting"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
)

// speaking is a bench whose bot is kept in the room.
func speaking(t *testing.T, srv *componenttest.Server) *bench {
	t.Helper()
	b := start(t, srv, openStore(t, t.TempDir()), 4, time.Hour)
	b.keep("ops")
	return b
}

func (b *bench) keep(room string) {
	b.t.Helper()
	require.NoError(b.t, b.rooms.Keep(b.t.Context(), rooms.Settings{Room: jid.MustParse(room + "@rooms.example.com"), Bot: jid.MustParse("echo@bot.example.com"), Nick: "echo", History: muc.Missed}))
}

func words(id, room, body string) *stanza.Stanza {
	return stanza.Must(stanza.Parse(fmt.Sprintf("<message type='groupchat' id='%s' from='echo@bot.example.com/room' to='%s@rooms.example.com'><body>%s</body></message>", id, room, body), stanza.Limits{}))
}

// speak sends messages of a caller, one after the other, which are to have this state.
func (b *bench) speak(want gateway.State, ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		s := words(id, "ops", "x")
		if !b.messages.Takes(s) {
			b.t.Fatal("not taken: ", id)
		}
		if state, err := b.messages.Speak(b.t.Context(), "token", s); err != nil || state != want {
			b.t.Fatal(id, state, err)
		}
	}
}

// groupchats returns those that the server gets, in their order, until there is one with the id.
func (b *bench) groupchats(last string) (ids string) {
	b.t.Helper()
	for {
		s := b.srv.Expect("a groupchat", func(s *stanza.Stanza) bool { return s.Type == "groupchat" })
		if ids += s.ID + " "; s.ID == last {
			return ids
		}
	}
}

// joined lets the bot in, which has sent nothing before.
func (b *bench) joined() {
	b.t.Helper()
	first := b.srv.Expect("the join, before all words", func(s *stanza.Stanza) bool { return s.Kind == stanza.Presence || s.Type == "groupchat" })
	if first.Kind != stanza.Presence {
		b.t.Fatal("before the join: ", first.XML())
	}
	b.srv.Send(fmt.Sprintf("<presence from='%s' to='%s'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant'/><status code='110'/></x></presence>", first.To, first.From) +
		fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", first.To.Bare(), first.From))
	componenttest.Eventually(b.t, "joined", func() bool {
		v, err := b.rooms.Get(first.To.Bare(), first.From.Bare())
		return err == nil && v.State == muc.Joined
	})
}

// outcomes waits until nothing waits, and compares what became of what was queued.
func (b *bench) outcomes(want string) {
	b.t.Helper()
	componenttest.Eventually(b.t, "nothing waits", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.messages.Count() == 0 && b.messages.Answers() == 0 && strings.Join(b.outcome, ", ") == want
	})
}

// What was on its way when the connection was lost, and what comes until the bot is in the room
// again, goes out behind the join, in order, once: messages of callers and answers alike.
func TestWordsWaitForTheRejoin(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.joined()
	b.speak(gateway.Confirmed, "m0")
	b.groupchats("m0")
	srv.SwallowMarkers(true)
	lost, answered := make(chan gateway.State, 1), make(chan error, 2)
	go func() {
		state, err := b.messages.Speak(t.Context(), "token", words("m1", "ops", "x"))
		if err != nil {
			t.Error(err)
		}
		lost <- state
	}()
	b.groupchats("m1")
	send := b.messages.Over(refusing{t})
	answer := func(id string) {
		t.Helper()
		require.NoError(t, send.Send("bot.example.com", words(id, "ops", "x"), false, func(err error) { answered <- err }))
	}
	answer("a1")
	b.groupchats("a1")
	srv.SwallowMarkers(false)
	srv.Drop()
	if state := <-lost; state != gateway.Queued {
		t.Error(state)
	}
	b.speak(gateway.Queued, "m2", "m3")
	answer("a2")
	b.joined()
	if got := b.groupchats("a2"); got != "m1 a1 m2 m3 a2 " {
		t.Error(got)
	}
	for range 2 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	b.outcomes("m1: <nil>, m2: <nil>, m3: <nil>")
}

// refusing is the sender of what is not for a room.
type refusing struct{ t *testing.T }

func (r refusing) Send(_ string, s *stanza.Stanza, _ bool, _ func(error)) error {
	r.t.Error("sent elsewhere: ", s.XML())
	return nil
}

// A message that the server does not confirm in time is stored, and not sent a second time.
func TestLateConfirmation(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.messages.Wait = time.Millisecond
	b.joined()
	srv.SwallowMarkers(true)
	b.speak(gateway.Queued, "m1", "m2")
	if n := b.messages.Count(); n != 2 {
		t.Errorf("%d are stored", n)
	}
	b.groupchats("m1")
	srv.SwallowMarkers(false)
	srv.Drop()
	b.joined()
	if got := b.groupchats("m2"); got != "m1 m2 " { // the connection was lost: m1 may not have arrived
		t.Error(got)
	}
	b.outcomes("m1: <nil>, m2: <nil>")
}

// A rejoin that is refused ends all that wait with the reason.
func TestRejoinRefused(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.joined()
	srv.Drop()
	p := b.join()
	b.speak(gateway.Queued, "m1")
	done := make(chan error, 1)
	require.NoError(t, b.messages.Over(refusing{t}).Send("bot.example.com", words("a1", "ops", "x"), false, func(err error) { done <- err }))
	srv.Send(fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='auth'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", p.To, p.From))
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.outcomes("m1: the room ops@rooms.example.com refuses the bot: registration-required")
	if b.messages.Takes(words("m2", "ops", "x")) {
		t.Error("the room that refuses the bot says so itself")
	}
	if b.logs.FilterMessage("answer to a room not sent").Len() != 1 {
		t.Error("the answer is not in the log")
	}
}

// What ends the stream does not go out for ever.
func TestWordsThatEndTheStream(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.joined()
	b.speak(gateway.Confirmed, "m0")
	b.groupchats("m0")
	srv.Limit(2000)
	if _, err := b.messages.Speak(t.Context(), "token", words("big", "ops", strings.Repeat("x", 3000))); !errors.Is(err, gateway.ErrRejected) {
		t.Errorf("rejected: %v", err)
	}
	b.joined()
	b.speak(gateway.Confirmed, "m1")
}

// One room does not take all the places of those that wait.
func TestShareOfARoom(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.keep("dev")
	b.join()
	b.join()
	body := strings.Repeat("x", 100_000)
	send := b.messages.Over(refusing{t})
	for n := 0; ; n++ {
		err := send.Send("bot.example.com", words("m", "ops", body), false, func(error) {})
		if errors.Is(err, gateway.ErrBusy) && n > 10 {
			break
		}
		if err != nil || n > 1000 {
			t.Fatal(n, err)
		}
	}
	if _, err := b.messages.Speak(t.Context(), "token", words("m", "ops", body)); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("of a caller: %v", err)
	}
	if state, err := b.messages.Speak(t.Context(), "token", words("m", "dev", "x")); err != nil || state != gateway.Queued {
		t.Errorf("into another room: %s %v", state, err)
	}
}

// Without the room nothing waits for it.
func TestLeftWhileWordsWait(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := speaking(t, srv)
	b.join()
	b.speak(gateway.Queued, "m1")
	require.NoError(t, b.rooms.Leave(t.Context(), jid.MustParse("ops@rooms.example.com"), jid.JID{}, false, ""))
	b.outcomes("m1: " + waiting.ErrLeft.Error())
}
