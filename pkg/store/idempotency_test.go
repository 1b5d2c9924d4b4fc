package store_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

func TestRequests(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	asked := store.IdempotentRequest{Hash: "h", ID: "id-1"}
	if r, created, err := s.IdempotencyKeys().Begin(t.Context(), "key with > * .", asked); !created || err != nil || r.ID != "id-1" {
		t.Fatalf("%+v %v %v", r, created, err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if r, created, err := s.IdempotencyKeys().Begin(t.Context(), "key with > * .", store.IdempotentRequest{Hash: "other", ID: "id-2"}); created || err != nil || r.ID != "id-1" || r.Hash != "h" || r.Answered() {
		t.Errorf("%+v %v %v", r, created, err)
	}
	asked.Status, asked.Type, asked.Answer = 202, "application/json", []byte(`{"id":"id-1"}`)
	if err := s.IdempotencyKeys().End(t.Context(), "key with > * .", asked); err != nil {
		t.Fatal(err)
	}
	if r, created, err := s.IdempotencyKeys().Begin(t.Context(), "key with > * .", store.IdempotentRequest{}); created || err != nil || !r.Answered() || string(r.Answer) != `{"id":"id-1"}` {
		t.Errorf("%+v %v %v", r, created, err)
	}
	if _, created, err := s.IdempotencyKeys().Begin(t.Context(), "another key", asked); !created || err != nil {
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
			_, created, err := s.IdempotencyKeys().Begin(t.Context(), "k", store.IdempotentRequest{ID: "x"})
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
	large := store.IdempotentRequest{ID: strings.Repeat("x", 100_000)}
	var full error
	n := 0
	for ; n < 100 && full == nil; n++ {
		_, _, full = s.IdempotencyKeys().Begin(t.Context(), strings.Repeat("k", n+1), large)
	}
	if !errors.Is(full, gateway.ErrFull) {
		t.Fatalf("after %d: %v", n, full)
	}
	if _, created, err := s.IdempotencyKeys().Begin(t.Context(), "k", large); created || err != nil {
		t.Errorf("the first is forgotten: %v %v", created, err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("the whole store takes nothing more: %v", err)
	}
}

// A caller with more keys than his share forgets his own oldest ones that are
// answered; never one without an answer, nor those of others.
func TestRequestsHaveShares(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	answered := store.IdempotentRequest{Hash: "h", ID: "id", Status: 202, Type: "application/json", Answer: []byte(strings.Repeat("x", 10_000))}
	do := func(key string, end bool) {
		t.Helper()
		if _, created, err := s.IdempotencyKeys().Begin(t.Context(), key, store.IdempotentRequest{Hash: "h", ID: "id"}); !created || err != nil {
			t.Fatalf("%q: %v %v", key, created, err)
		}
		if end {
			if err := s.IdempotencyKeys().End(t.Context(), key, answered); err != nil {
				t.Fatalf("%q: %v", key, err)
			}
		}
	}
	known := func(key string) bool {
		t.Helper()
		_, created, err := s.IdempotencyKeys().Begin(t.Context(), key, store.IdempotentRequest{Hash: "h", ID: "id"})
		if err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		return !created
	}
	key := func(caller string, n int) string { return fmt.Sprintf("%s\x00POST/v1/messages\x00%d", caller, n) }
	do(key("modest", 0), true)
	do(key("greedy", 0), false)
	const many = 100 // of 13 KiB each, where the share is 512 KiB
	for n := 1; n < many; n++ {
		do(key("greedy", n), true)
		if n == many/2 { // the index is made anew
			s.Close()
			s = open(t, dir)
		}
	}
	counts, err := s.IdempotencyKeys().Counts(t.Context())
	if err != nil || len(counts) != 2 || counts[0].Caller != "greedy" || counts[1] != (store.KeyCount{Caller: "modest", Keys: 1}) || counts[0].Early == 0 || counts[0].Keys > 60 {
		t.Errorf("%+v", counts)
	}
	if !known(key("greedy", 0)) || !known(key("modest", 0)) || !known(key("greedy", many-1)) || !known(key("greedy", many-10)) {
		t.Error("a key is forgotten that should not be")
	}
	if known(key("greedy", 1)) {
		t.Error("the oldest answered key is still known")
	}
	s.Close()
}

// Where one caller fills his share with requests that have no answer, he gets no
// more, and others do.
func TestUnansweredRequestsFillOneShare(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	large := store.IdempotentRequest{ID: strings.Repeat("x", 20_000)}
	var full error
	n := 0
	for ; n < 1000 && full == nil; n++ {
		_, _, full = s.IdempotencyKeys().Begin(t.Context(), fmt.Sprintf("greedy\x00%d", n), large)
	}
	if !errors.Is(full, gateway.ErrFull) {
		t.Fatalf("after %d: %v", n, full)
	}
	if _, created, err := s.IdempotencyKeys().Begin(t.Context(), "greedy\x000", large); created || err != nil {
		t.Errorf("the first is forgotten: %v %v", created, err)
	}
	for n := range 5 {
		if _, created, err := s.IdempotencyKeys().Begin(t.Context(), fmt.Sprintf("other\x00%d", n), large); !created || err != nil {
			t.Errorf("another caller: %v %v", created, err)
		}
	}
}

// What an earlier process has left without answers does not keep a caller out for a day.
func TestUnansweredRequestsOfEarlierProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	large := store.IdempotentRequest{ID: strings.Repeat("x", 20_000)}
	begin := func(n int) (created bool, err error) {
		_, created, err = s.IdempotencyKeys().Begin(t.Context(), fmt.Sprintf("greedy\x00%d", n), large)
		return created, err
	}
	n := 0
	for ; n < 1000; n++ {
		if _, err := begin(n); errors.Is(err, gateway.ErrFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = open(t, dir)
	defer func() { s.Close() }()
	for i := range n { // as many as fit
		if created, err := begin(n + i); !created || err != nil {
			t.Fatalf("%d of %d: %v %v", i, n, created, err)
		}
	}
	if created, err := begin(2*n - 1); created || err != nil {
		t.Errorf("one of this process is forgotten: %v %v", created, err)
	}
	if _, err := begin(2 * n); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("one more than there may be: %v", err)
	}
}
