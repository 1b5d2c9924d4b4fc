package rooms_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/pkg/muc"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

func isLeave(s *stanza.Stanza) bool {
	return s.Kind == stanza.Presence && s.Type == "unavailable" && s.To.Bare() == ops
}

// cut ends the connection, and lets no other come until it is called.
func (b *bench) cut() (mended func()) {
	b.t.Helper()
	b.srv.Refuse("<internal-server-error xmlns='" + stanza.NSStreams + "'/>")
	b.srv.Drop()
	componenttest.Eventually(b.t, "the room knows that the connection is lost", func() bool {
		v, err := b.rooms.Get(ops, echo)
		return err == nil && v.State == muc.Waiting
	})
	return func() { b.srv.Refuse("") }
}

func storedRooms(t *testing.T, s *store.Store) []store.RoomRecord {
	t.Helper()
	all, err := s.Rooms().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// forgotten waits until the room was told, and its record is gone.
func (b *bench) forgotten(s *store.Store) {
	b.t.Helper()
	componenttest.Eventually(b.t, "the room is told", func() bool { return b.logs.FilterMessage("room left").Len() > 0 })
	if all := storedRooms(b.t, s); len(all) > 0 {
		b.t.Errorf("stored: %+v", all)
	}
}

// leftWhileDown joins a room, and leaves it when there is no connection.
func leftWhileDown(t *testing.T) (srv *componenttest.Server, s *store.Store, b *bench, mended func()) {
	s = openStore(t, t.TempDir())
	srv = componenttest.NewServer(t, "bot.example.com", "secret")
	b = start(t, srv, s, policy())
	srv.WaitConnected(1)
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	b.joins("maxstanzas")
	b.expect("room.joined")
	mended = b.cut()
	if err := b.rooms.Leave(t.Context(), ops, echo, false, ""); err != nil {
		t.Fatal(err)
	}
	if list := b.rooms.List(); len(list) > 0 {
		t.Fatalf("still kept: %+v", list)
	}
	return srv, s, b, mended
}

// A room that is left while there is no connection is told at the next one; what it still
// sends is for nobody.
func TestLeftWithoutAConnection(t *testing.T) {
	srv, s, b, mended := leftWhileDown(t)
	mended()
	if p := srv.Expect("the leave", isLeave); p.To.Resource() != "Echo" || p.From.String() != "echo@bot.example.com/room" {
		t.Errorf("%s", p.XML())
	}
	b.forgotten(s)
	srv.Send(said("m1", "Alice", "is the bot still here?", "") +
		"<message type='chat' from='ops@rooms.example.com/Alice' to='echo@bot.example.com/room'><body>psst, still here?</body></message>" +
		"<message type='chat' id='last' from='alice@example.com' to='echo@bot.example.com'><body>hi</body></message>")
	componenttest.Eventually(t, "what is behind it", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return strings.Contains(fmt.Sprint(b.others), "id='last'")
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if got := fmt.Sprint(b.others); strings.Contains(got, "still here") {
		t.Errorf("others get what is said in a room that was left: %s", got)
	}
}

// What a room has sent before it had the leave does not bring it a second one.
func TestLeftOnce(t *testing.T) {
	srv, s := componenttest.NewServer(t, "bot.example.com", "secret"), openStore(t, t.TempDir())
	b := start(t, srv, s, policy())
	srv.WaitConnected(1)
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	b.joins("maxstanzas")
	b.expect("room.joined")
	if err := b.rooms.Leave(t.Context(), ops, echo, false, ""); err != nil {
		t.Fatal(err)
	}
	srv.Expect("the leave", isLeave)
	srv.Send(said("m1", "Alice", "before it was here", "") + "<message type='chat' id='last' from='alice@example.com' to='echo@bot.example.com'><body>hi</body></message>")
	componenttest.Eventually(t, "what is behind it", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.others) > 0
	})
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	srv.Expect("the join", func(s *stanza.Stanza) bool {
		if isLeave(s) {
			t.Errorf("the room is left once more: %s", s.XML())
		}
		return isJoin(s)
	})
}

// Killed before the room was told: it is told after the restart.
func TestLeftWithoutAConnectionAndKilled(t *testing.T) {
	srv, s, b, mended := leftWhileDown(t)
	if all := storedRooms(t, s); len(all) != 1 || len(all[0].Kept) > 0 {
		t.Fatalf("stored: %+v", all)
	}
	b.stop()
	b = start(t, srv, s, policy())
	mended()
	srv.Expect("the leave", isLeave)
	b.forgotten(s)
	if list := b.rooms.List(); len(list) > 0 {
		t.Errorf("kept again: %+v", list)
	}
}

// A room that is left and kept again without a connection is joined, and stays kept.
func TestKeptAgainWithoutAConnection(t *testing.T) {
	srv, s, b, mended := leftWhileDown(t)
	if err := b.rooms.Keep(t.Context(), setting()); err != nil {
		t.Fatal(err)
	}
	mended()
	p := srv.Expect("the join", func(s *stanza.Stanza) bool {
		if isLeave(s) {
			t.Errorf("the room is left: %s", s.XML())
		}
		return isJoin(s)
	})
	srv.Send(in(p.To.String(), p.From.String()))
	componenttest.Eventually(t, "the bot is in", func() bool { v, err := b.rooms.Get(ops, echo); return err == nil && v.Present })
	if all := storedRooms(t, s); len(all) != 1 || len(all[0].Kept) == 0 {
		t.Errorf("stored: %+v", all)
	}
}
