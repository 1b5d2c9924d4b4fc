package store_test

import (
	"errors"
	"testing"
	"time"

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
		if err := s.SentMessages().Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	end := func(state store.SentState, from string) {
		t.Helper()
		if err := s.SentMessages().End(t.Context(), store.SentMessage{ID: "1", From: from, To: m.To, State: state, Stanza: "<message/>"}); err != nil {
			t.Fatal(err)
		}
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
