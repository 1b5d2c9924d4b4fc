package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

func TestSent(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	began := time.UnixMilli(1000).UTC()
	m := store.SentMessage{ID: "1", From: "bot.example.com", To: "juliet@example.com", Caller: "app", Time: began}
	put := func(state store.SentState, later time.Duration) {
		t.Helper()
		p := m
		p.State, p.Time = state, began.Add(later)
		require.NoError(t, s.SentMessages().Put(t.Context(), p))
	}
	end := func(state store.SentState, from string) {
		t.Helper()
		require.NoError(t, s.SentMessages().End(t.Context(), store.SentMessage{ID: "1", From: from, To: m.To, State: state, Stanza: "<message/>"}))
	}
	is := func(want store.SentState, caller string) {
		t.Helper()
		got, err := s.SentMessages().Get(t.Context(), "1", caller)
		if want == "" && errors.Is(err, gateway.ErrNotFound) {
			return
		}
		if err != nil || got.State != want {
			t.Errorf("%+v %v, want %s", got, err, want)
		}
	}
	end(store.SentBounced, m.From) // of a stanza nobody asks about
	is("", "")
	put(store.SentConfirmed, 0)
	put(store.SentQueued, 0) // late
	is(store.SentConfirmed, "app")
	is(store.SentConfirmed, "")
	is("", "other")
	end(store.SentBounced, "other.example.com")
	is(store.SentConfirmed, "app")
	end(store.SentBounced, m.From)
	end(store.SentConfirmed, m.From) // late
	is(store.SentBounced, "app")
	s.Close()
	s = open(t, dir)
	defer s.Close()
	is(store.SentBounced, "app")
	put(store.SentQueued, time.Second) // the same id again
	is(store.SentQueued, "app")
	end(store.SentExpired, m.From)
	is(store.SentExpired, "app")
}

// An error of one occupant of a room is not that of the message, which all got.
func TestSentToARoom(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for _, c := range []struct {
		group bool
		from  string
		want  store.SentState
	}{{true, "ops@rooms.example.com/Ghost", store.SentConfirmed}, {true, "ops@rooms.example.com", store.SentBounced}, {false, "ops@rooms.example.com/Ghost", store.SentBounced}} {
		id := fmt.Sprint(c.group, c.from)
		require.NoError(t, s.SentMessages().Put(t.Context(), store.SentMessage{ID: id, From: "bot.example.com", To: "ops@rooms.example.com", Caller: "app", Time: time.Now(), State: store.SentConfirmed, Group: c.group}))
		require.NoError(t, s.SentMessages().End(t.Context(), store.SentMessage{ID: id, From: "bot.example.com", To: c.from, State: store.SentBounced}))
		if got, err := s.SentMessages().Get(t.Context(), id, "app"); err != nil || got.State != c.want {
			t.Errorf("%s: %+v %v, want %s", id, got, err, c.want)
		}
	}
}

// The id that a room has given a message is kept, also if it comes when the state is known, and
// does not change the state.
func TestSentWithTheIDOfTheRoom(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	m := store.SentMessage{ID: "1", From: "bot.example.com", To: "ops@rooms.example.com", Caller: "app", Time: time.Now(), Group: true}
	for _, known := range []store.SentState{store.SentConfirmed, store.SentEchoed, store.SentDisplayed} {
		m.ID, m.State = string(known), known
		require.NoError(t, s.SentMessages().Put(t.Context(), m))
		end := store.SentMessage{ID: m.ID, From: m.From, To: m.To, State: store.SentEchoed, RoomID: "s1"}
		for _, end.RoomID = range []string{"s1", ""} {
			require.NoError(t, s.SentMessages().End(t.Context(), end))
		}
		want := known
		if known == store.SentConfirmed {
			want = store.SentEchoed
		}
		if got, err := s.SentMessages().Get(t.Context(), m.ID, "app"); err != nil || got.State != want || got.RoomID != "s1" {
			t.Errorf("%s: %+v %v", known, got, err)
		}
	}
}

// A hundred callers who use the same ids at the same time: each finds its own message as
// soon as it is put, and an outcome goes to the message with its addresses.
func TestSentByManyCallers(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	var wg sync.WaitGroup
	for c := range 100 {
		wg.Go(func() {
			m := store.SentMessage{From: "bot.example.com", To: fmt.Sprintf("u%d@example.com/r", c), Caller: fmt.Sprint("app", c), Time: time.UnixMilli(int64(c)).UTC()}
			is := func(want store.SentState) {
				if got, err := s.SentMessages().Get(t.Context(), m.ID, m.Caller); err != nil || got.To != m.To || got.State != want {
					t.Errorf("%+v is %+v, %v; want %s", m, got, err, want)
				}
			}
			for i := range 20 {
				m.ID, m.State = fmt.Sprint(i), store.SentQueued
				if err := s.SentMessages().Put(t.Context(), m); err != nil {
					t.Error(err)
				}
				is(store.SentQueued)
				if i%2 == 0 {
					continue
				}
				m.State = store.SentConfirmed
				if err := s.SentMessages().End(t.Context(), m); err != nil {
					t.Error(err)
				}
				is(store.SentConfirmed)
			}
		})
	}
	wg.Wait()
}
