package forward_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/component/componenttest"
	"stanzahook/component/forward"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/message"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/webhook"
)

// An event of a room goes to the first endpoint that it is for, which gets it or not, and to
// copies; who waits for it to be stored is told in each case, once.
func TestDeliverOfRoom(t *testing.T) {
	s := openStore(t)
	defer s.Close()
	worker := func(e webhook.Endpoint) *delivery.Worker {
		e.URL, e.Queued, e.Timeout, e.Concurrency, e.Schedule, e.MaxAge = "http://127.0.0.1:1/", true, time.Second, 1, []time.Duration{time.Hour}, time.Hour
		w := newWorker(t, &e, sender{})
		require.NoError(t, w.Open(t.Context(), s))
		t.Cleanup(func() { w.Stop(t.Context()) })
		return w
	}
	audit := worker(webhook.Endpoint{Name: "audit", Copy: true, Rooms: []string{webhook.RoomMessages}})
	people := worker(webhook.Endpoint{Name: "people", Rooms: []string{webhook.RoomOccupants}, Match: webhook.Match{To: globs(t, "people@bot.example.com")}})
	all := worker(webhook.Endpoint{Name: "all"})
	f := forward.New([]*delivery.Worker{audit, people, all}, forward.NewEchoes(), message.NewRecent(1<<20), nil, zap.NewNop())

	var stored atomic.Int32
	deliver := func(to, xml string, room webhook.Room) {
		t.Helper()
		st, err := webhook.WithRoom(stanza.Must(stanza.Parse(xml, stanza.Limits{})), jid.MustParse(to), &room)
		require.NoError(t, err)
		before := stored.Load()
		f.Deliver(forward.OfRoom{Event: &webhook.Event{ID: "evt_" + to + xml, Component: "bot.example.com", Received: time.Now(), Stanza: st}, OnStored: func(error) { stored.Add(1) }})
		componenttest.Eventually(t, "the end of it", func() bool { return stored.Load() == before+1 })
	}
	const said = "<message type='groupchat' id='m1' from='ops@rooms.example.com/Alice' to='x@bot.example.com/room'><body>hi</body></message>"
	const state = "<message type='groupchat' id='m2' from='ops@rooms.example.com/Alice' to='x@bot.example.com/room'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
	deliver("echo@bot.example.com", said, webhook.Room{JID: "ops@rooms.example.com"})
	deliver("people@bot.example.com", said, webhook.Room{JID: "ops@rooms.example.com"})                        // it does not want it, nor does another get it
	deliver("echo@bot.example.com", said, webhook.Room{Type: "room.occupant", JID: "ops@rooms.example.com"})   // nobody wants it
	deliver("people@bot.example.com", said, webhook.Room{Type: "room.occupant", JID: "ops@rooms.example.com"}) //
	deliver("echo@bot.example.com", said, webhook.Room{JID: "ops@rooms.example.com", Own: true})               // the copy only
	deliver("echo@bot.example.com", state, webhook.Room{JID: "ops@rooms.example.com"})                         // somebody types
	for w, want := range map[*delivery.Worker]int64{audit: 3, people: 1, all: 1} {
		if n := w.Counters.Received.Load(); n != want {
			t.Errorf("%s got %d events, not %d", w.Endpoint().Name, n, want)
		}
	}
}
