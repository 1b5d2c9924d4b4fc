package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store/internal/stream"
)

func newLanes(t *testing.T) *lanes {
	l := &lanes{t: t, rnd: rand.New(rand.NewPCG(1, 2)), dir: t.TempDir(), wait: make(map[lane][]Stored), acked: make(map[string]bool)}
	l.open()
	t.Cleanup(func() { l.s.Close() })
	return l
}

// empty waits until nothing is stored.
func (l *lanes) empty(what string) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		n, err := l.s.Queues().Waiting(l.t.Context())
		if err == nil && n == 0 {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: %d events are left, %v", what, n, err)
		}
	}
}

// copyOf copies an event to WAITING, as a move does; answered: the store has said so.
func (l *lanes) copyOf(q *Queue, r *Stored, answered bool) {
	l.t.Helper()
	seq, err := q.qs.appendNow(q.olderSubject(r.Conversation), withOrigin(r.data(), r.Seq, r.Seq-1))
	require.NoError(l.t, err)
	if answered {
		q.qs.waiting.top.Store(seq)
	}
}

// breakOff stores ten events, and begins a move of them that does not end until
// q.moving is unlocked.
func (l *lanes) breakOff(at lane) *Queue {
	l.t.Helper()
	l.hold(time.Hour)
	l.put(at, 10)
	q := l.queue(at.endpoint)
	q.moving.Lock()
	q.broken = l.s.queues.recent.begin(l.wait[at][0].Seq)
	return q
}

// A write fails while events move: copies that are stored, and were reported as refused, are
// removed when the store is opened anew. Their originals stay.
func TestRefusedCopies(t *testing.T) {
	l := newLanes(t)
	at := lane{"a", "x"}
	q := l.breakOff(at)
	for i := range 6 {
		l.copyOf(q, &l.wait[at][i], i < 2)
	}
	if err := q.mend(t.Context()); err != nil { // by the sweep, while the store is broken
		t.Fatal(err)
	}
	q.moving.Unlock()
	if err := l.s.queues.discard(t.Context()); err != nil { // by the watcher
		t.Fatal(err)
	}
	l.check()
	l.hold(time.Millisecond)
	l.put(at, 3)
	l.check()
	l.ack(at, 1<<20)
	l.empty("all is acknowledged")
}

// An endpoint is removed, and comes back as one that is pulled: what it had before is
// removed when it is acknowledged.
func TestPushedBecomesPulled(t *testing.T) {
	for _, turns := range []int{1, 2} {
		t.Run(fmt.Sprint(turns), func(t *testing.T) {
			l := newLanes(t)
			at := lane{"a", "x"}
			q := l.queue("a")
			for range turns {
				l.put(at, 10)
				require.NoError(t, q.moveAll(t.Context()))
				require.NoError(t, q.Pull(t.Context()))
				l.put(at, 10)
				require.NoError(t, q.moveAll(t.Context()))
				q.Push()
			}
			require.NoError(t, q.Pull(t.Context()))
			for after, left := uint64(0), 20*turns; left > 0; {
				list, _, err := q.Page(t.Context(), after, 7)
				if err != nil || len(list) == 0 {
					t.Fatalf("%d are left, and not there, %v", left, err)
				}
				left -= len(list)
				after = list[len(list)-1].Seq
				q.AckThrough(after)
			}
			l.empty("all is acknowledged")
			q.mu.Lock()
			defer q.mu.Unlock()
			if n := len(slices.Collect(q.charged.places())); n > 0 || len(q.conversations) > 0 || q.bytes != 0 {
				t.Errorf("%d are charged, %v are counted, %d bytes", n, q.conversations, q.bytes)
			}
		})
	}
}

// What a pulled endpoint has acknowledged, and what was acknowledged before it was pulled, is
// not shown again while it waits to be removed.
func TestPageOfWhatIsAcknowledged(t *testing.T) {
	l := newLanes(t)
	at := lane{"a", "x"}
	l.put(at, 10)
	q := l.queue("a")
	require.NoError(t, q.moveAll(t.Context()))
	l.hold(time.Hour) // the originals stay, and so the copies do
	l.ack(at, 4)
	require.NoError(t, q.Pull(t.Context()))
	list, _, err := q.Page(t.Context(), 0, 100)
	if err != nil || len(list) != 6 || list[0].ID != l.wait[at][0].ID {
		t.Fatalf("%v, %v", places(list), err)
	}
	q.AckThrough(list[2].Seq)
	if list, _, err = q.Page(t.Context(), 0, 100); err != nil || len(list) != 3 || list[0].ID != l.wait[at][3].ID {
		t.Fatalf("%v, %v", places(list), err)
	}
}

// Events of one endpoint that wait in EVENTS do not keep what another one had moved, and has
// finished.
func TestRemovalBesideAnotherQueue(t *testing.T) {
	l := newLanes(t)
	a, b := lane{"a", "x"}, lane{"b", "x"}
	l.put(b, 5)
	l.put(a, 1) // waits, and nothing behind it is finished
	require.NoError(t, l.queue("b").moveAll(t.Context()))
	l.ack(b, 5)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		state, err := l.s.queues.waiting.st.State(t.Context())
		if err == nil && state.Records == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events are left in WAITING, %v", state.Records, err)
		}
	}
}

// A power cut takes the end of EVENTS, and leaves the copies in WAITING: the places that come
// again are of new events.
func TestOriginalsAreLost(t *testing.T) {
	l := newLanes(t)
	l.hold(time.Hour)
	at := lane{"a", "x"}
	l.put(at, 10)
	q, st := l.queue("a"), l.s.queues.recent.st
	require.NoError(t, st.Remove(t.Context()))
	require.NoError(t, st.Open(t.Context()))
	for i := range l.wait[at] {
		r := &l.wait[at][i]
		l.copyOf(q, r, true)
		if i < 5 {
			if _, err := st.Put(t.Context(), &stream.Message{Subject: q.recentSubject("x"), Data: r.data()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	l.kill()
	l.open()
	l.hold(time.Hour)
	l.reread(false)
	l.put(at, 10) // at the places of those that are lost
	l.check()
	for range 2 {
		l.kill()
		l.open()
		l.hold(time.Hour)
		l.reread(false)
		require.NoError(t, l.queue("a").moveAll(t.Context()))
		l.put(at, 3)
	}
	l.check()
}

// An operator drops the first event while a move is broken off: it does not come back.
func TestDropWhileAMoveIsBrokenOff(t *testing.T) {
	l := newLanes(t)
	at := lane{"a", "x"}
	q := l.breakOff(at)
	for i := range 6 {
		l.copyOf(q, &l.wait[at][i], true)
	}
	q.moving.Unlock()
	require.NoError(t, q.Drop(t.Context(), at.conversation, l.wait[at][0].Seq))
	l.wait[at] = l.wait[at][1:]
	require.NoError(t, q.moveAll(t.Context()))
	require.NoError(t, q.Recount(t.Context()))
	if n := q.Backlog()["x"]; n != 9 {
		t.Errorf("%d events are counted", n)
	}
	l.check()
	l.kill()
	l.open()
	l.reread(false)
}

// Finished events fill the store behind one that is not: it makes way, and the store accepts
// events again.
func TestFullBehindOneEvent(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 64 << 20}))
	require.NoError(t, err)
	defer s.Close()
	put := func(endpoint string, size int) (uint64, error) {
		q, err := s.Queues().Open(t.Context(), endpoint)
		require.NoError(t, err)
		done := make(chan error, 1)
		place := uint64(0)
		r := Record{ID: "evt", Component: "bot.example.com", Conversation: "x", Received: time.UnixMilli(1), Since: time.UnixMilli(2), Stanza: strings.Repeat("x", size)}
		if err := q.Append(&r, func(seq uint64, err error) { place = seq; done <- err }); err != nil {
			return 0, err
		}
		return place, <-done
	}
	if _, err := put("stuck", 10); err != nil {
		t.Fatal(err)
	}
	q, err := s.Queues().Open(t.Context(), "busy")
	require.NoError(t, err)
	s.disk.events.Store(0)
	for range 4 * 64 * 4 { // as much as the store holds, four times, if nothing is refused before
		place, err := put("busy", 256<<10)
		if err != nil {
			t.Log(err)
			break
		}
		q.Ack("x", place)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := put("busy", 10); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// A conversation that is stuck while others go on, all of them moved, costs no memory for
// what is finished.
func TestMovedAreForgotten(t *testing.T) {
	l := newLanes(t)
	q := l.queue("a")
	l.put(lane{"a", "stuck"}, 1)
	at := lane{"a", "x"}
	for range 20 {
		l.put(at, 200)
		require.NoError(t, q.moveAll(t.Context()))
		l.check()
		l.ack(at, 190)
		l.check()
	}
	q.mu.Lock()
	n := len(q.moved)
	q.mu.Unlock()
	if n > 1000 {
		t.Errorf("%d places of moved events are kept, for %d that wait", n, len(l.wait[at])+1)
	}
}

// An endpoint that finishes very many conversations in WAITING does not keep the finished
// events of others.
func TestManyConversationsFinish(t *testing.T) {
	l := newLanes(t)
	q := l.queue("a")
	l.put(lane{"a", "stuck"}, 1)
	const n = 300
	for i := range n {
		l.put(lane{"a", fmt.Sprint(i)}, 1)
	}
	require.NoError(t, q.moveAll(t.Context()))
	time.Sleep(50 * time.Millisecond) // the originals may go
	l.s.queues.touching.Lock()
	l.s.queues.removeFor = 1 // one conversation at a time
	l.s.queues.touching.Unlock()
	q.mu.Lock() // all at once
	for i := range n {
		q.ack(fmt.Sprint(i), l.wait[lane{"a", fmt.Sprint(i)}][0].Seq)
	}
	q.mu.Unlock()
	until := func(what string, st *stream.Stream, fewer uint64) {
		t.Helper()
		l.s.queues.wake()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			state, err := st.State(t.Context())
			if err == nil && state.Records < fewer {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d events, %v", what, state.Records, err)
			}
		}
	}
	until("the removal from WAITING begins", l.s.queues.waiting.st, n)
	b := lane{"b", "x"}
	l.put(b, 1)
	l.ack(b, 1)
	until("an event of another endpoint", l.s.queues.recent.st, 1)
	state, err := l.s.queues.waiting.st.State(t.Context())
	if err != nil || state.Records < n/4 {
		t.Fatalf("WAITING has %d events, %v", state.Records, err)
	}
}
