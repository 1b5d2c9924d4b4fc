package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"stanzahook/pkg/store"
)

func TestRequests(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	asked := store.Request{Hash: "h", ID: "id-1"}
	if r, created, err := s.BeginRequest(t.Context(), "key with > * .", asked); !created || err != nil || r.ID != "id-1" {
		t.Fatalf("%+v %v %v", r, created, err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if r, created, err := s.BeginRequest(t.Context(), "key with > * .", store.Request{Hash: "other", ID: "id-2"}); created || err != nil || r.ID != "id-1" || r.Hash != "h" || r.Answered() {
		t.Errorf("%+v %v %v", r, created, err)
	}
	asked.Status, asked.Type, asked.Answer = 202, "application/json", []byte(`{"id":"id-1"}`)
	if err := s.EndRequest(t.Context(), "key with > * .", asked); err != nil {
		t.Fatal(err)
	}
	if r, created, err := s.BeginRequest(t.Context(), "key with > * .", store.Request{}); created || err != nil || !r.Answered() || string(r.Answer) != `{"id":"id-1"}` {
		t.Errorf("%+v %v %v", r, created, err)
	}
	if _, created, err := s.BeginRequest(t.Context(), "another key", asked); !created || err != nil {
		t.Errorf("%v %v", created, err)
	}
}

// Of many who begin at the same time, one does.
func TestRequestIsBegunOnce(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	var wg sync.WaitGroup
	var mu sync.Mutex
	begun := 0
	for range 20 {
		wg.Go(func() {
			_, created, err := s.BeginRequest(t.Context(), "k", store.Request{ID: "x"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if created {
				begun++
			}
		})
	}
	wg.Wait()
	if begun != 1 {
		t.Errorf("begun %d times", begun)
	}
}

// A store of requests that is full takes no new one, and forgets none.
func TestRequestsAreBounded(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	large := store.Request{ID: strings.Repeat("x", 100_000)}
	var full error
	n := 0
	for ; n < 100 && full == nil; n++ {
		_, _, full = s.BeginRequest(t.Context(), strings.Repeat("k", n+1), large)
	}
	if !errors.Is(full, store.ErrFull) {
		t.Fatalf("after %d: %v", n, full)
	}
	if _, created, err := s.BeginRequest(t.Context(), "k", large); created || err != nil {
		t.Errorf("the first is forgotten: %v %v", created, err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("the whole store takes nothing more: %v", err)
	}
}
