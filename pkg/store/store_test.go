package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"stanzahook/pkg/store"
)

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Sync: store.SyncInterval, MaxBytes: 64 << 20, MaxStanzaBytes: 1 << 18, Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func record(i, conversation int) store.Record {
	return store.Record{ID: fmt.Sprintf("evt_%d", i), Endpoint: "echo", Component: "bot.example.com", Conversation: store.Conversation("u", fmt.Sprint(conversation)), Received: time.UnixMilli(int64(i)), Stanza: fmt.Sprintf("<message id='%d'/>", i)}
}

// publish stores records and waits for all.
func publish(t *testing.T, s *store.Store, from, to int) {
	t.Helper()
	errs := make(chan error, to-from)
	for i := from; i < to; i++ {
		s.Publish(record(i, i%7), func(err error) { errs <- err })
	}
	for range to - from {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// drain reads n events and acknowledges those that ack says.
func drain(t *testing.T, s *store.Store, n int, ack func(id string) bool) []store.Record {
	t.Helper()
	ch := make(chan *store.Delivery, n)
	stop, err := s.Consume(t.Context(), "echo", func(d *store.Delivery) { ch <- d })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	var got []store.Record
	for range n {
		select {
		case d := <-ch:
			got = append(got, d.Record)
			if ack(d.ID) {
				if err := d.Ack(); err != nil {
					t.Fatal(err)
				}
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%d of %d events came", len(got), n)
		}
	}
	return got
}

func TestEventsComeInOrderWithAllTheirFields(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	publish(t, s, 0, 3000)
	got := drain(t, s, 3000, func(string) bool { return true })
	for i, r := range got {
		if want := record(i, i%7); r != want {
			t.Fatalf("event %d is %+v, want %+v", i, r, want)
		}
	}
}

// After a restart exactly what was not acknowledged comes again, in order,
// before what came later.
func TestUnansweredComesAgainInOrder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	publish(t, s, 0, 100)
	odd := func(id string) bool { var i int; fmt.Sscanf(id, "evt_%d", &i); return i%2 == 1 }
	drain(t, s, 100, odd)
	s.Close()

	s = open(t, dir)
	defer s.Close()
	publish(t, s, 100, 110)
	got := drain(t, s, 60, func(string) bool { return true })
	var ids, want []string
	for _, r := range got {
		ids = append(ids, r.ID)
	}
	for i := 0; i < 100; i += 2 {
		want = append(want, fmt.Sprintf("evt_%d", i))
	}
	for i := 100; i < 110; i++ {
		want = append(want, fmt.Sprintf("evt_%d", i))
	}
	if !slices.Equal(ids, want) {
		t.Errorf("got %v\nwant %v", ids, want)
	}
	if n, err := s.Waiting(t.Context()); err != nil || n > 60 {
		t.Errorf("%d events wait (%v)", n, err)
	}
}

// An endpoint that takes nothing does not keep another from its events.
func TestEndpointsDoNotBlockEachOther(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	var wg sync.WaitGroup
	put := func(i int, endpoint string) {
		r := record(i, i%7)
		r.ID, r.Endpoint = endpoint+r.ID, endpoint
		wg.Add(1)
		s.Publish(r, func(err error) {
			defer wg.Done()
			if err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 3000 {
		put(i, "dead")
	}
	wg.Wait()
	stop, err := s.Consume(t.Context(), "dead", func(*store.Delivery) {})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	publish(t, s, 0, 500)
	drain(t, s, 500, func(string) bool { return true })
}

func TestFullConversationIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	refused := 0
	for from := 0; from < 10_500; from += 500 {
		errs := make(chan error, 500)
		for i := range 500 {
			s.Publish(record(from+i, 99), func(err error) { errs <- err })
		}
		for range 500 {
			if err := <-errs; errors.Is(err, store.ErrFull) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused != 500 {
		t.Errorf("%d refused, want 500", refused)
	}
	publish(t, s, 20_000, 20_020) // other conversations go on
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := store.Open(context.Background(), store.Options{Dir: dir, MaxBytes: 1 << 20, Log: zaptest.NewLogger(t)}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second store in the same directory: %v", err)
	}
	s.Close()
	open(t, dir).Close()
}

func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	o := store.Options{Dir: dir, Sync: store.SyncAlways, MaxBytes: 64 << 20, OutboxBytes: 1 << 20, OutboxCount: 5, Log: zaptest.NewLogger(t)}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	put := func(i int, component string) error {
		return s.PutOutgoing(t.Context(), store.Outgoing{ID: fmt.Sprint(component, i), Component: component, Queued: time.UnixMilli(5), Stanza: fmt.Sprint(i)})
	}
	for i := range 3 {
		if err := put(i, "a.example.com"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		if err := put(i, "b.example.com"); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(9, "b.example.com"); !errors.Is(err, store.ErrFull) {
		t.Errorf("over the bound: %v", err)
	}
	s.Close()
	if s, err = store.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for component, want := range map[string]int{"a.example.com": 3, "b.example.com": 2, "c.example.com": 0} {
		if n, err := s.CountOutgoing(t.Context(), component); err != nil || n != want {
			t.Errorf("%s: %d %v, want %d", component, n, err, want)
		}
	}
	ch := make(chan *store.OutgoingDelivery, 10)
	stop, err := s.ConsumeOutgoing(t.Context(), "a.example.com", func(d *store.OutgoingDelivery) { ch <- d })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for i := range 3 {
		d := <-ch
		if want := (store.Outgoing{ID: fmt.Sprint("a.example.com", i), Component: "a.example.com", Queued: time.UnixMilli(5), Stanza: fmt.Sprint(i)}); d.Outgoing != want {
			t.Errorf("record %+v, want %+v", d.Outgoing, want)
		}
		if err := d.Ack(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSubscribers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := store.Subscriber{Bot: "echo@bot.example.com", User: "u@example.com"}, store.Subscriber{Bot: "bot.example.com", User: "v@example.com"}
	for _, sub := range []store.Subscriber{a, b, a} {
		if err := s.PutSubscriber(t.Context(), sub, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutSubscriber(t.Context(), b, false); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir)
	defer s.Close()
	if all, err := s.Subscribers(t.Context()); err != nil || !slices.Equal(all, []store.Subscriber{a}) {
		t.Errorf("subscribers %v %v", all, err)
	}
}
