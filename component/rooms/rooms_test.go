package rooms_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

var (
	ops  = jid.MustParse("ops@rooms.example.com")
	echo = jid.MustParse("echo@bot.example.com")
)

// A room of the configuration: joined, heard, joined again after each connect, and after a
// kill; what was said meanwhile comes once.
func TestKilledAndStartedAgain(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy(), setting())
	b.joins("maxstanzas='0'", alice)
	b.expect(`"type":"room.joined"`, `"to":"echo@bot.example.com"`, `"jid":"ops@rooms.example.com","nick":"Echo"`, `"affiliation":"member"`)
	srv.Send(said("a1", "Alice", "hey echo", "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' jid='boss@example.com'/></x>"))
	first := b.expect(`"type":"message.groupchat"`, `"to":"echo@bot.example.com"`, `"nick":"Alice"`, `"real_jid":"alice@example.com"`, `"affiliation":"owner","role":"moderator","mention":true,"missed":false,"bot":false`)
	if strings.Contains(first.Stanza.From.String(), "boss") {
		t.Error(first.Stanza.XML())
	}
	srv.Send(said("o1", "Echo", "my own words", ""))
	b.expect(`"nick":"Echo"`, `"bot":true`)

	srv.Drop() // the link is lost and comes back
	srv.WaitConnected(2)
	b.joins("since=", said("a1", "Alice", "hey echo", stamp(0)), said("a2", "Alice", "while away", stamp(0)))
	b.expect(`"type":"room.joined"`)
	b.expect(`"body":"while away"`, `"missed":true`)
	componenttest.Eventually(t, "the mark", func() bool { return strings.Contains(storedMark(t, s), "Echo") && b.rooms.Counts()[muc.Joined] == 1 })
	awaitSeen(t, s, "ops@rooms.example.com", 3) // what Alice has said, and the bot itself

	b.stop() // killed
	b = start(t, srv, s, policy(), setting())
	b.joins("since=", said("a1", "Alice", "hey echo", stamp(2*time.Second)), said("a2", "Alice", "while away", stamp(2*time.Second)), said("a3", "Alice", "while dead", stamp(0)))
	b.expect(`"type":"room.joined"`)
	b.expect(`"body":"while dead"`, `"missed":true`)
	b.none()
}

func storedMark(t *testing.T, s *store.Store) string {
	t.Helper()
	all, err := s.Rooms().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, r := range all {
		text += string(r.Mark)
	}
	return text
}

// awaitSeen waits until the mark that is stored of a room has n messages.
func awaitSeen(t *testing.T, s *store.Store, room string, n int) {
	t.Helper()
	componenttest.Eventually(t, fmt.Sprintf("%d messages of %s are marked", n, room), func() bool {
		all, err := s.Rooms().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			var m muc.Mark
			if r.Room == room && json.Unmarshal(r.Mark, &m) == nil && len(m.Seen) >= n {
				return true
			}
		}
		return false
	})
}

// Killed between an event and its place in the queue: the mark stays before it, so that the
// message comes again, with the same webhook-id.
func TestKilledBeforeStored(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	other := setting()
	other.Room = jid.MustParse("dev@rooms.example.com")
	b := start(t, srv, s, policy(), setting())
	b.joins("maxstanzas='0'", alice)
	b.expect("room.joined")
	componenttest.Eventually(t, "the mark of the join", func() bool { return storedMark(t, s) != "" })
	b.rooms.Set([]rooms.Settings{setting(), other}, policy())
	b.joins("maxstanzas='0'")
	b.expect("room.joined")
	b.mu.Lock()
	b.holds = true
	b.mu.Unlock()
	srv.Send(said("a1", "Alice", "hi", ""))
	first := b.expect(`"body":"hi"`)
	b.mu.Lock()
	b.holds = false
	b.mu.Unlock()
	for i := range 2 { // when the second is marked, the room had its turn
		srv.Send(strings.ReplaceAll(said(fmt.Sprint("d", i), "Dave", "elsewhere", ""), "ops@", "dev@"))
		b.expect(`"body":"elsewhere"`)
		awaitSeen(t, s, "dev@rooms.example.com", i+1)
	}
	b.stop()
	b = start(t, srv, s, policy(), setting())
	b.joins("since=", said("a1", "Alice", "hi", stamp(0)))
	b.expect("room.joined")
	if again := b.expect(`"body":"hi"`, `"missed":true`); again.ID != first.ID {
		t.Errorf("webhook-id %s, before %s", again.ID, first.ID)
	}
}

// A room of the API is kept with its password, which nobody sees; a refusal too.
func TestKeptRoom(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy())
	srv.WaitConnected(1)
	set := setting()
	set.Password = secret.New("letmein")
	if err := b.rooms.Keep(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	b.joins("<password>letmein</password>")
	if v, err := b.rooms.Await(t.Context(), ops, jid.JID{}); err != nil || v.State != muc.Joined || v.Source != rooms.FromAPI || v.Affiliation != "member" || strings.Contains(fmt.Sprint(v), "letmein") {
		t.Errorf("%+v, %v", v, err)
	}
	b.stop()
	b = start(t, srv, s, policy())
	b.joins("<password>letmein</password>")
	srv.Send("<presence type='unavailable' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'><x xmlns='http://jabber.org/protocol/muc#user'><item role='none'><actor nick='Alice'/></item><status code='307'/></x></presence>")
	b.expect("room.joined")
	b.expect(`"type":"room.left"`, `"reason":"kicked"`, `"code":307`, `"actor":"Alice"`)
	componenttest.Eventually(t, "the refusal in the store", func() bool {
		all, _ := s.Rooms().All(t.Context())
		return len(all) == 1 && len(all[0].Refused) > 0
	})
	b.stop()
	b = start(t, srv, s, policy())
	srv.WaitConnected(3)
	if v, err := b.rooms.Await(t.Context(), ops, echo); err != nil || v.State != muc.Refused || v.Refusal.Text != "kicked" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := b.rooms.Keep(t.Context(), set); err != nil { // once more
		t.Fatal(err)
	}
	b.joins("since=")
	if err := b.rooms.Leave(t.Context(), ops, jid.JID{}, false, "bye"); err != nil {
		t.Fatal(err)
	}
	srv.Expect("the leave", func(s *stanza.Stanza) bool { return s.Type == "unavailable" && strings.Contains(s.XML(), "bye") })
	if all, _ := s.Rooms().All(t.Context()); len(all) > 0 || len(b.rooms.List()) > 0 {
		t.Errorf("%v is stored, %v listed", all, b.rooms.List())
	}
	if err := b.rooms.Leave(t.Context(), ops, echo, false, ""); err != rooms.ErrNone {
		t.Errorf("%v", err)
	}
}

// A reload joins and leaves; Keep does not change rooms of the configuration, nor goes over
// the bound.
func TestReloaded(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	p := policy()
	p.MaxRooms = 2
	b := start(t, srv, s, p, setting())
	b.joins("maxstanzas")
	other := setting()
	other.Room = jid.MustParse("dev@rooms.example.com")
	if err := b.rooms.Keep(t.Context(), setting()); err != rooms.ErrConfigured {
		t.Errorf("%v", err)
	}
	renamed := setting()
	renamed.Nick = "Bot"
	b.rooms.Set([]rooms.Settings{renamed, other}, p)
	srv.Expect("the new nick", func(s *stanza.Stanza) bool { return s.To.String() == "ops@rooms.example.com/Bot" })
	b.joins("maxstanzas")
	third := setting()
	third.Room = jid.MustParse("third@rooms.example.com")
	if err := b.rooms.Keep(t.Context(), third); err != rooms.ErrFull {
		t.Errorf("%v", err)
	}
	b.rooms.Set([]rooms.Settings{other}, p)
	srv.Expect("the leave", func(s *stanza.Stanza) bool { return s.Type == "unavailable" && s.To.Bare() == ops })
	if n := len(b.rooms.List()); n != 1 {
		t.Errorf("%d rooms", n)
	}
}

// A change of the nick that was on its way when the connection was lost is not sent on the
// next one: there, before the join, it would be a join of its own.
func TestNickChangeEndsWithItsConnection(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting())
	p := srv.Expect("the join", isJoin)
	srv.Send(fmt.Sprintf("<presence type='error' from='%s' to='%s'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>", p.To, p.From))
	b.joins("maxstanzas", strings.ReplaceAll(alice, "/Alice", "/Echo"))
	b.expect("room.joined", `"nick":"Echo-2"`)
	srv.SwallowMarkers(true) // the server does not confirm any more what it gets
	srv.Send("<presence type='unavailable' from='ops@rooms.example.com/Echo' to='echo@bot.example.com/room'/>")
	srv.Expect("the change of the nick", func(s *stanza.Stanza) bool { return s.Kind == stanza.Presence && s.To.Resource() == "Echo" })
	srv.SwallowMarkers(false)
	srv.Drop()
	srv.WaitConnected(2)
	srv.Expect("the join", func(s *stanza.Stanza) bool {
		if s.Kind == stanza.Presence && !isJoin(s) {
			t.Errorf("before the join: %s", s.XML())
		}
		return isJoin(s)
	})
}

// At the stop the rooms are left, so that nobody sees a ghost.
func TestLeavesAtTheStop(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting())
	b.joins("maxstanzas")
	b.rooms.Stop(t.Context())
	srv.Expect("the leave", func(s *stanza.Stanza) bool {
		return s.Type == "unavailable" && s.To.Bare() == ops && strings.Contains(s.XML(), "restarting")
	})
}

// At most so many joins are under way, however many rooms there are; a room that does not
// answer holds its place for a while only.
func TestJoinsArePaced(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var mu sync.Mutex
	var asked []time.Time
	srv.Answer(func(x *stanza.Stanza) string {
		mu.Lock()
		defer mu.Unlock()
		if isJoin(x) {
			asked = append(asked, time.Now())
		}
		return "<message from='u@example.com' to='bot.example.com'/>"
	})
	var all []rooms.Settings
	for i := range 40 {
		set := setting()
		set.Room = jid.MustParse(fmt.Sprintf("r%d@rooms.example.com", i))
		all = append(all, set)
	}
	start(t, srv, s, policy(), all...)
	componenttest.Eventually(t, "all joins", func() bool { mu.Lock(); defer mu.Unlock(); return len(asked) == len(all) })
	for i, at := range asked[12:] { // nobody was answered, so each holds its place for a second
		if waited := at.Sub(asked[i]); waited < 300*time.Millisecond {
			t.Fatalf("join %d came %v after join %d", 13+i, waited, 1+i)
		}
	}
}
