package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What was damaged on disk costs itself only, and what is done is removed up to
// there, over a restart of the queue too.
func TestPagesAndAckThrough(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30}))
	require.NoError(t, err)
	defer func() { s.Close() }()
	q, err := s.Queues().Open(t.Context(), "bot")
	require.NoError(t, err)
	require.NoError(t, q.Pull(t.Context()))
	at, err := q.Places(t.Context())
	if err != nil || at.Made.IsZero() {
		t.Fatalf("%+v %v", at, err)
	}
	done := make(chan error)
	put := func(i int) {
		t.Helper()
		r := Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Conversation: Conversation("u", fmt.Sprint(i%3)), Received: time.Now(), Since: time.Now(), Stanza: "<message/>"}
		require.NoError(t, q.Append(&r, func(_ uint64, err error) { done <- err }))
		require.NoError(t, <-done)
	}
	base := q.Top() // places on NATS begin behind a fence
	for i := range 50 {
		put(i)
	}
	if _, err := q.qs.appendNow(q.olderSubject("xx"), []byte("no record")); err != nil {
		t.Fatal(err)
	}
	for i := 50; i < 100; i++ {
		put(i)
	}
	if q.Top() != base+101 {
		t.Fatalf("the top is %d", q.Top())
	}
	list, lost, err := q.Page(t.Context(), 0, 1000)
	// The damaged one is between places that were said to be stored: the store
	// takes it for one whose sender was refused, and may be quicker to remove it.
	if err != nil || len(list) != 100 || lost > 1 {
		t.Fatalf("%d events, %d lost, %v", len(list), lost, err)
	}
	for i, r := range list {
		if r.ID != fmt.Sprintf("evt_%d", i) {
			t.Fatalf("%s is the event %d", r.ID, i)
		}
	}
	if list, _, err = q.Page(t.Context(), base+40, 5); err != nil || len(list) != 5 || list[0].Seq != base+41 {
		t.Fatalf("%+v %v", list, err)
	}
	first := func() uint64 {
		t.Helper()
		q.remove(t.Context(), false, time.Now().Add(time.Minute))
		at, err := q.Places(t.Context())
		require.NoError(t, err)
		return at.First
	}
	q.AckThrough(base + 40)
	if n := first(); n != base+41 {
		t.Errorf("the first is at %d", n)
	}
	made := at.Made
	s.Close()
	s, err = Open(t.Context(), Elsewhere(Options{Dir: dir, MaxBytes: 1 << 30}))
	require.NoError(t, err)
	q, err = s.Queues().Open(t.Context(), "bot")
	require.NoError(t, err)
	require.NoError(t, q.Pull(t.Context()))
	if at, err = q.Places(t.Context()); err != nil || at.First != base+41 || !at.Made.Equal(made) {
		t.Errorf("%+v %v", at, err)
	}
	if list, _, err = q.Page(t.Context(), base+40, 1000); err != nil || len(list) != 60 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	q.AckThrough(base + 60)
	q.AckThrough(base + 59) // later, and less
	if n := first(); n != base+61 {
		t.Errorf("the first is at %d", n)
	}
	put(100)
	q.AckThrough(q.Top())
	if n := first(); n != q.Top()+1 || s.o.NATS == nil && n != 103 {
		t.Errorf("the first is at %d", n)
	}
	if list, _, err = q.Page(t.Context(), 0, 10); err != nil || len(list) != 0 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

// A reader of an endpoint where little waits does not pay for what waits elsewhere.
func TestPageOfAFew(t *testing.T) {
	s, err := Open(t.Context(), Elsewhere(Options{Dir: t.TempDir(), MaxBytes: 1 << 30}))
	require.NoError(t, err)
	defer s.Close()
	open := func(name string) *Queue {
		q, err := s.Queues().Open(t.Context(), name)
		if err == nil {
			err = q.Pull(t.Context())
		}
		require.NoError(t, err)
		return q
	}
	bot, other := open("bot"), open("other")
	put := func(q *Queue, n int) {
		t.Helper()
		done := make(chan error, n)
		for i := range n {
			r := Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Conversation: Conversation("u", fmt.Sprint(i%10)), Received: time.Now(), Since: time.Now(), Stanza: "<message/>"}
			require.NoError(t, q.Append(&r, func(_ uint64, err error) { done <- err }))
		}
		for range n {
			require.NoError(t, <-done)
		}
	}
	// The shortest of many times: the machine may be busy.
	shortest := func(after uint64, want int) time.Duration {
		t.Helper()
		least := time.Hour
		for range 30 {
			began := time.Now()
			list, lost, err := bot.Page(t.Context(), after, 100)
			if err != nil || len(list) != want || lost > 0 {
				t.Fatalf("%d events, %d lost, %v", len(list), lost, err)
			}
			least = min(least, time.Since(began))
		}
		return least
	}
	base := bot.Top()
	put(bot, 3)
	alone := shortest(base+1, 2)
	put(other, 4000)
	put(bot, 3)
	put(other, 4000)
	if beside := shortest(base+3, 3); beside > 5*alone {
		t.Errorf("a page takes %v, and took %v before others had events", beside, alone)
	}
	put(bot, fewPlaces) // they are many now
	if list, _, err := bot.Page(t.Context(), base+1, 100); err != nil || len(list) != 5+fewPlaces {
		t.Errorf("%d events, %v", len(list), err)
	}
	// One that is dropped is not read, and does not hide others.
	list, _, err := bot.Page(t.Context(), base+4003, 2)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	for _, r := range list[:1] {
		require.NoError(t, bot.Drop(t.Context(), r.Conversation, r.Seq))
	}
	if again, _, err := bot.Page(t.Context(), base+4003, 1); err != nil || len(again) != 1 || again[0].Seq != list[1].Seq {
		t.Errorf("%+v, %v, want %+v", again, err, list[1])
	}
}
