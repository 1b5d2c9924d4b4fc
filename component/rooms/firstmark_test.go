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
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// markOf returns the mark that is stored of a room; the zero one if there is none.
func markOf(t *testing.T, s *store.Store, room jid.JID) (m muc.Mark) {
	t.Helper()
	all, err := s.Rooms().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Room == room.String() && len(r.Mark) > 0 {
			if err := json.Unmarshal(r.Mark, &m); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m
}

// awaitJoined waits until a bot is in a room, whether that may be told or not.
func (b *bench) awaitJoined(room jid.JID) {
	b.t.Helper()
	componenttest.Eventually(b.t, "joined", func() bool {
		v, err := b.rooms.Get(room, echo)
		return err == nil && v.State == muc.Joined
	})
}

// The event room.joined is delivered when the first mark of the room is stored: after a kill, what
// was said since is delivered as missed. Events of the meantime follow room.joined, in order.
func TestFirstMarkBeforeJoined(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy(), setting())
	release, err := b.rooms.HoldWrites(ops, echo)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(release)
	defer release()
	b.joins("maxstanzas='0'", alice)
	srv.Send(said("m1", "Alice", "one", "") + said("m2", "Alice", "two", ""))
	b.awaitJoined(ops)
	b.deferred(3)
	b.none()
	if m := markOf(t, s, ops); !m.First.IsZero() {
		t.Fatalf("%+v", m)
	}
	var m muc.Mark
	told := sync.OnceFunc(func() { m = markOf(t, s, ops) })
	b.mu.Lock()
	b.full = func(string) bool { told(); return false }
	b.mu.Unlock()
	release()
	b.expect("room.joined")
	if m.First.IsZero() || !m.Last.Equal(m.First) || len(m.Seen) != 0 || len(m.Nicks) != 1 {
		t.Errorf("when the join was told, the mark was %+v", m)
	}
	b.expect(`"id":"m1"`)
	b.expect(`"id":"m2"`)
	b.none()
	if events, bytes := b.rooms.Waiting(); events != 0 || bytes != 0 {
		t.Errorf("%d events of %d bytes wait", events, bytes)
	}
	awaitSeen(t, s, ops.String(), 2)
}

// The first mark of a room with a wanted history is at the beginning of that history: after a kill,
// what the bot has not got of it is delivered.
func TestFirstMarkOfHistory(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	set := setting()
	set.History = 5
	b := start(t, srv, s, policy(), set)
	b.mu.Lock()
	b.holds = true // the queue has what comes, and says so later
	b.mu.Unlock()
	b.joins("maxstanzas='5'", said("h1", "Alice", "early", stamp(10*time.Minute)), said("h2", "Alice", "later", stamp(time.Minute)))
	b.expect("room.joined")
	b.expect(`"id":"h1"`, `"missed":true`)
	before := b.expect(`"id":"h2"`, `"missed":true`)
	if m := markOf(t, s, ops); before.Received.Sub(m.First) < 10*time.Minute-time.Second || len(m.Seen) != 0 {
		t.Errorf("what was said %s ago is before the mark: %+v", before.Received.Sub(m.First), m)
	}
	b.stop()
	b = start(t, srv, s, policy(), set)
	b.joins("since=", said("h1", "Alice", "early", stamp(10*time.Minute)), said("h2", "Alice", "later", stamp(time.Minute)))
	b.expect("room.joined")
	b.expect(`"id":"h1"`, `"missed":true`)
	if again := b.expect(`"id":"h2"`, `"missed":true`); again.ID != before.ID {
		t.Errorf("webhook-id %s, before %s", again.ID, before.ID)
	}
}

// A room that is left before its first mark is stored: what happened is told.
func TestLeftBeforeFirstMark(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy())
	set := setting()
	if err := b.rooms.Keep(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	release, err := b.rooms.HoldWrites(ops, echo)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(release)
	defer release()
	b.joins("maxstanzas='0'")
	b.awaitJoined(ops)
	b.deferred(1)
	left := make(chan error)
	go func() { left <- b.rooms.Leave(t.Context(), ops, echo, false, "") }()
	b.expect("room.joined")
	b.expect("room.left")
	release()
	if err := <-left; err != nil {
		t.Error(err)
	}
	if m := markOf(t, s, ops); !m.First.IsZero() {
		t.Errorf("a mark of a room that was left: %+v", m)
	}
}

// Marks are written together: one that the store is slow with does not hold up those of other
// rooms, and the next one of its room is not written before it.
func TestMarksWrittenTogether(t *testing.T) {
	const n = 50 // more than are written at a time
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	var all []rooms.Settings
	for i := range n {
		set := setting()
		set.Room = jid.MustParse(fmt.Sprintf("r%d@rooms.example.com", i))
		all = append(all, set)
	}
	gate := make(chan struct{})
	srv.Answer(func(s *stanza.Stanza) string {
		<-gate
		if s.Kind == stanza.IQ {
			return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", s.ID, s.To, s.From)
		}
		return in(s.To.String(), s.From.String()) + fmt.Sprintf("<message type='groupchat' from='%s' to='%s'><subject/></message>", s.To.Bare(), s.From)
	})
	b := start(t, srv, s, policy(), all...)
	slow := all[n/2].Room
	release, err := b.rooms.HoldWrites(slow, echo)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(release)
	defer release()
	close(gate)
	told := make(map[string]bool)
	for range n - 1 {
		ev := b.expect("room.joined")
		told[ev.Stanza.From.Bare().String()] = true
	}
	b.none()
	for _, set := range all {
		if m := markOf(t, s, set.Room); m.First.IsZero() != (set.Room == slow) || told[set.Room.String()] != (set.Room != slow) {
			t.Errorf("%s: told %v, mark %+v", set.Room, told[set.Room.String()], m)
		}
	}
	srv.Send(strings.ReplaceAll(said("m1", "Alice", "one", ""), "ops@", slow.Local()+"@"))
	b.deferred(2)
	b.none()
	release()
	b.expect("room.joined")
	if m := markOf(t, s, slow); m.First.IsZero() {
		t.Error("room.joined was delivered before the mark was stored")
	}
	b.expect(`"id":"m1"`)
	awaitSeen(t, s, slow.String(), 1)
}
