package rooms_test

import (
	"fmt"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/component/rooms"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/tracing"
)

// set says whether the queue has room.
func (b *bench) setFull(full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = func(string) bool { return full }
}

// deferred waits until so many offers were refused, or all that follow have to wait.
func (b *bench) deferred(n int) {
	b.t.Helper()
	componenttest.Eventually(b.t, fmt.Sprint(n, " events wait"), func() bool {
		events, _ := b.rooms.Waiting()
		return events >= n
	})
}

// What a queue has no room for is delivered later, in its order and once, and the mark does
// not pass it: after a kill it comes again.
func TestFullQueue(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, s, policy(), setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	srv.Send(said("m0", "Alice", "before", ""))
	b.expect(`"body":"before"`)
	componenttest.Eventually(t, "a mark behind it", func() bool { return strings.Contains(storedMark(t, s), `"seen"`) })

	b.setFull(true)
	srv.Send(said("m1", "Alice", "one", "") + said("m2", "Alice", "two", ""))
	b.deferred(2)
	b.none()
	b.setFull(false)
	b.expect(`"id":"m1"`, `"body":"one"`)
	b.expect(`"id":"m2"`, `"body":"two"`)
	srv.Send(said("m3", "Alice", "three", ""))
	b.expect(`"id":"m3"`)
	b.none()
	if events, bytes := b.rooms.Waiting(); events != 0 || bytes != 0 {
		t.Errorf("%d events of %d bytes wait", events, bytes)
	}
	awaitSeen(t, s, "ops@rooms.example.com", 4)

	// killed while it waits: the mark is before it
	mark := storedMark(t, s)
	b.setFull(true)
	srv.Send(said("m4", "Alice", "four", ""))
	b.deferred(1)
	b.stop()
	if now := storedMark(t, s); now != mark {
		t.Errorf("the mark %s has passed what was refused; it was %s", now, mark)
	}
	b = start(t, srv, s, policy(), setting())
	b.joins("since=", said("m3", "Alice", "three", stamp(0)), said("m4", "Alice", "four", stamp(0)))
	b.expect("room.joined")
	b.expect(`"id":"m4"`, `"missed":true`)
	b.none()
}

// The store may refuse an event when those behind it are in the queue already: it is
// delivered again, alone, as it was before an endpoint had it.
func TestRefusedLater(t *testing.T) {
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := start(t, srv, openStore(t, t.TempDir()), policy(), setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	b.mu.Lock()
	b.holds = true
	b.mu.Unlock()
	srv.Send(said("m1", "Alice", "one", "") + said("m2", "Alice", "two", ""))
	refused, _ := b.event()
	b.expect(`"id":"m2"`)
	stanza := refused.Stanza
	refused.Stanza, refused.Span = nil, &tracing.Span{} // as an endpoint may
	b.mu.Lock()
	first, then := b.hold[len(b.hold)-2], b.hold[len(b.hold)-1]
	b.holds = false
	b.mu.Unlock()
	first(gateway.ErrFull)
	then(nil)
	again, _ := b.event()
	if again == refused || again.ID != refused.ID || again.Stanza != stanza || again.Span != nil {
		t.Errorf("not as it was: %+v", again)
	}
	b.none()
}

// When too much waits, the rest is dropped, and the room is asked for it afterwards; another
// room does not wait for that one.
func TestTooMuchWaits(t *testing.T) {
	s := openStore(t, t.TempDir())
	srv := componenttest.NewServer(t, "bot.example.com", "secret")
	b := startOptions(t, srv, s, rooms.Options{MaxWaiting: 8 << 10}, policy(), setting())
	b.joins("maxstanzas")
	b.expect("room.joined")
	srv.Send(said("m0", "Alice", "before", ""))
	b.expect(`"body":"before"`)
	componenttest.Eventually(t, "a mark behind it", func() bool { return strings.Contains(storedMark(t, s), `"seen"`) })
	b.setFull(true)
	var history []string
	for i := 1; i <= 30; i++ {
		srv.Send(said(fmt.Sprint("m", i), "Alice", fmt.Sprint("text ", i), ""))
		history = append(history, said(fmt.Sprint("m", i), "Alice", fmt.Sprint("text ", i), stamp(0)))
	}
	componenttest.Eventually(t, "too much waits", func() bool { return b.rooms.Counters.Dropped.Load() > 0 })
	if _, bytes := b.rooms.Waiting(); bytes > 4<<10 {
		t.Errorf("one room has %d bytes of 8192", bytes)
	}
	b.setFull(false)
	b.joins("since=", history...)
	seen := map[string]bool{}
	for len(seen) < 30 {
		ev, _ := b.event()
		if ev.Stanza.ID != "" {
			seen[ev.Stanza.ID] = true
		}
	}
	for i := 1; i <= 30; i++ {
		if !seen[fmt.Sprint("m", i)] {
			t.Errorf("m%d is lost", i)
		}
	}
}
