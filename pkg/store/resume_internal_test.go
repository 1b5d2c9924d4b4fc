package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// requests counts what a server was sent.
func requests(t *testing.T, srv *server.Server) int64 {
	t.Helper()
	v, err := srv.Varz(nil)
	require.NoError(t, err)
	return v.InMsgs
}

// takesOver opens the store anew, and its queue echo, with so many requests at most beside those of an empty store.
func takesOver(t *testing.T, srv *server.Server, most int64) (*Store, *Queue) {
	t.Helper()
	open := func(name string) (*Store, *Queue, int64) {
		before := requests(t, srv)
		s, err := Open(t.Context(), Options{NATS: &NATS{URL: srv.ClientURL(), Name: name, Replicas: 1}, MaxBytes: 1 << 28})
		require.NoError(t, err)
		q, err := s.Queues().Open(t.Context(), "echo")
		require.NoError(t, err)
		return s, q, requests(t, srv) - before
	}
	empty, _, own := open("empty")
	empty.Close()
	s, q, n := open("lab")
	if t.Logf("%d requests, %d of an empty store", n, own); n > own+most {
		t.Errorf("%d requests more than of an empty store, want %d at most", n-own, most)
	}
	return s, q
}

// The next process ends a move that a kill has broken off without reading what was never moved: a takeover
// must not take longer the more events wait.
func TestResumeReadsWhatHasMoved(t *testing.T) {
	const events, moved = 2000, 20
	srv, _, q, places := onNATS(t, events)
	if _, err := q.move(t.Context(), places[moved-1]); err != nil {
		t.Fatal(err)
	}
	next, q := takesOver(t, srv, 20)
	defer next.Close()
	waiting := 0
	for _, n := range q.Backlog() {
		waiting += n
	}
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, events)
	if waiting != events || err != nil || len(list) == 0 || list[0].ID != "evt_0" {
		t.Errorf("%d events wait, and %d of them are read: %v", waiting, len(list), err)
	}
}

// Of the events that a move passes, those that are finished are not read.
func TestMoveReadsWhatIsNotFinished(t *testing.T) {
	const events, left = 2000, 20
	srv, _, q, places := onNATS(t, events)
	for _, place := range places[left:] {
		q.qs.recent.mark(place)
	}
	before := requests(t, srv)
	if more, err := q.move(t.Context(), places[events-1]); more || err != nil {
		t.Fatal(more, err)
	}
	if n := requests(t, srv) - before; n >= events/2 {
		t.Errorf("%d requests, of %d events of which %d are not finished", n, events, left)
	}
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, events)
	if err != nil || len(list) != left || list[0].ID != "evt_0" {
		t.Errorf("%d events are left: %v", len(list), err)
	}
}

// If events were finished when others moved past them, the next process does not remove what has moved one by one, and
// does not deliver the finished events again.
func TestResumeBesideFinished(t *testing.T) {
	const events = 2000
	srv, _, q, places := onNATS(t, events)
	for i := 0; i < events; i += 2 {
		q.qs.recent.mark(places[i])
	}
	if _, err := q.move(t.Context(), places[events-1]); err != nil {
		t.Fatal(err)
	}
	next, q := takesOver(t, srv, 20)
	defer next.Close()
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, events)
	if err != nil || len(list) != events/2 {
		t.Fatalf("%d events: %v", len(list), err)
	}
	for i := range list {
		if list[i].ID != fmt.Sprintf("evt_%d", 2*i+1) {
			t.Fatalf("event %d is %s", i, list[i].ID)
		}
	}
}

// If all servers have lost an original, and another event has its place, its copy is an event of its own, and so are
// the copies behind it.
func TestSettlePlacesThatComeAgain(t *testing.T) {
	const events, dropped = 100, 50
	_, s, q, places := onNATS(t, events)
	defer s.Close()
	require.NoError(t, q.Drop(t.Context(), Conversation("a", "b"), places[dropped]))
	for right := range events {
		copies, ids := make(map[uint64]copied), make(map[uint64]string)
		for i, place := range places {
			copies[place], ids[place] = copied{from: place, to: uint64(i)}, fmt.Sprintf("evt_%d", i)
			if i >= right {
				ids[place] = "another"
			}
		}
		lost := s.queues.recent.last() + 7
		copies[lost] = copied{from: lost, to: events}
		list, err := q.settleInOrder(t.Context(), q.qs.recent.st, q.recentSubject(allConversations), copies, ids)
		want := right
		if want == dropped+1 { // that one tells nothing
			want = dropped
		}
		if err != nil || len(list) != want {
			t.Errorf("%d copies are right, want %d: %v", len(list), want, err)
		}
	}
}

// What has moved and is finished is removed when its own originals are gone, also while others go on moving: else a
// kill would bring back all of it.
func TestMovesDoNotHoldEarlierOnes(t *testing.T) {
	const events = 30
	srv, s, q, places := onNATS(t, events)
	settle := func(d time.Duration) {
		s.queues.recent.mu.Lock()
		s.queues.recent.heldFor, s.queues.recent.settleFor = time.Hour, d
		s.queues.recent.mu.Unlock()
	}
	move := func(upTo uint64) {
		if _, err := q.move(t.Context(), upTo); err != nil {
			t.Fatal(err)
		}
	}
	left := func() uint64 {
		s.queues.remove(t.Context(), false)
		state, err := s.queues.waiting.st.State(t.Context())
		require.NoError(t, err)
		return state.Records
	}
	settle(0)
	move(places[9])
	left()
	settle(time.Hour)
	move(places[19])
	for _, place := range places[:15] {
		q.Ack(Conversation("a", "b"), place)
	}
	if n := left(); n != 10 {
		t.Errorf("%d events are left of those that have moved, want 10: those of the second move", n)
	}
	s.Close()
	s, q, _ = overNATS(t, srv.ClientURL(), 0)
	defer s.Close()
	if list, err := q.Read(t.Context(), Conversation("a", "b"), 0, events); err != nil || len(list) != events-15 || list[0].ID != "evt_15" {
		t.Errorf("%d events are left: %v", len(list), err)
	}
}

// If all servers have lost the original of the last copy, and another event has its place, both are events, and the
// copies before it are not delivered twice.
func TestResumeBesideLostOriginal(t *testing.T) {
	const events, moved = 100, 50
	srv, s, q, places := onNATS(t, events)
	if _, err := q.move(t.Context(), places[moved-1]); err != nil {
		t.Fatal(err)
	}
	r := Record{ID: "evt_lost", Component: "bot.example.com", Conversation: Conversation("a", "b"), Sender: "a", Stanza: "<message/>"}
	if _, err := s.queues.appendNow(q.olderSubject(r.Conversation), withOrigin(r.data(), places[moved], 0)); err != nil {
		t.Fatal(err)
	}
	next, q, _ := overNATS(t, srv.ClientURL(), 0)
	defer next.Close()
	list, err := q.Read(t.Context(), Conversation("a", "b"), 0, 2*events)
	if err != nil || len(list) != events+1 {
		t.Fatalf("%d events: %v", len(list), err)
	}
	seen := make(map[string]bool)
	for i := range list {
		if seen[list[i].ID] {
			t.Errorf("%s comes twice", list[i].ID)
		}
		seen[list[i].ID] = true
	}
	if n := q.Backlog()[Conversation("a", "b")]; n != events+1 || list[0].ID != "evt_0" || !seen["evt_lost"] {
		t.Errorf("%d events wait, the first is %s", n, list[0].ID)
	}
}
