package store_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
	"stanzahook/pkg/store/deliverylog"
)

// eventID returns the id of an event that came at a time.
func eventID(at time.Time, n int) string {
	var u ulid.ULID
	if err := u.SetTime(ulid.Timestamp(at)); err != nil {
		panic(err)
	}
	u[14], u[15] = byte(n>>8), byte(n)
	return "evt_" + u.String()
}

func dead(n int, endpoint string) store.DeadLetter {
	at := time.UnixMilli(1_700_000_000_000 + int64(n))
	return store.DeadLetter{
		Record: store.Record{ID: eventID(at, n), Component: "bot.example.com", Conversation: store.Conversation("a", "b"), Received: at, Since: at.Add(time.Second),
			Stanza: fmt.Sprintf("<message id='%d'/>", n)},
		Endpoint: endpoint, Type: "message.chat", From: "user@example.com/phone", To: "echo@bot.example.com", Reason: "too old", Died: at.Add(time.Hour),
		Attempts: []deliverylog.Attempt{{Time: at, Status: 503, Duration: time.Second, Error: "503", Answer: "later", ContentType: "text/html; charset=utf-8", Note: "no reply"}, {Time: at.Add(time.Minute), Error: "no answer"}},
	}
}

func putDeadLetter(t *testing.T, s *store.Store, d store.DeadLetter) {
	t.Helper()
	require.NoError(t, s.DeadLetters().Put(t.Context(), &d))
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 200 {
		endpoint := "echo"
		if i%50 == 0 {
			endpoint = "other"
		}
		putDeadLetter(t, s, dead(i, endpoint))
	}
	putDeadLetter(t, s, dead(200, ""))
	putDeadLetter(t, s, dead(7, "echo")) // again: it takes the place of the first
	s.Close()
	s = open(t, dir)
	defer s.Close()

	want := dead(7, "echo")
	got, seq, err := s.DeadLetters().Get(t.Context(), want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	for endpoint, n := range map[string]int{"echo": 196, "other": 4, "": 1, "nobody": 0} {
		if got, err := s.DeadLetters().Count(t.Context(), endpoint); err != nil || got != n {
			t.Errorf("%q has %d, want %d (%v)", endpoint, got, n, err)
		}
	}
	counts, err := s.DeadLetters().Counts(t.Context(), []string{"echo", "", "nobody", "other"})
	if err != nil || !reflect.DeepEqual(counts, map[string]int{"echo": 196, "": 1, "nobody": 0, "other": 4}) {
		t.Error(counts, err)
	}
	seen := make(map[string]bool)
	pages := 0
	for cursor, more := "", true; more; more = cursor != "" {
		list, next, err := s.DeadLetters().List(t.Context(), deliverylog.Filter{Cursor: cursor, Limit: 67})
		require.NoError(t, err)
		for _, d := range list {
			if seen[d.ID] || d.Stanza != "" || d.Attempts[0].Answer != "" {
				t.Errorf("%+v", d)
			}
			seen[d.ID] = true
		}
		cursor = next
		pages++
	}
	if len(seen) != 201 || pages != 3 {
		t.Errorf("%d in %d pages", len(seen), pages)
	}
	list, next, err := s.DeadLetters().List(t.Context(), deliverylog.Filter{Endpoint: "other", After: dead(60, "").Died})
	if err != nil || next != "" || len(list) != 2 || list[0].ID != dead(150, "").ID {
		t.Errorf("%+v, %q, %v", list, next, err)
	}
	if _, _, err := s.DeadLetters().List(t.Context(), deliverylog.Filter{Cursor: "x"}); !errors.Is(err, gateway.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}

	putDeadLetter(t, s, want) // by who was faster
	if err := s.DeadLetters().Remove(t.Context(), seq); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("the place of one that was buried again: %v", err)
	}
	if _, seq, err = s.DeadLetters().Get(t.Context(), want.ID); err != nil {
		t.Fatalf("buried again: %v", err)
	}
	require.NoError(t, s.DeadLetters().Remove(t.Context(), seq))
	if err := s.DeadLetters().Remove(t.Context(), seq); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	for _, id := range []string{want.ID, "evt_*", ">", "", "a.b"} {
		if _, _, err := s.DeadLetters().Get(t.Context(), id); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A sender whose dead letters take more than a quarter of the room loses the oldest of
// his own, whatever resource he used; those of others stay.
func TestShareOfDeadLetters(t *testing.T) {
	s := openWith(t, store.Options{Dir: t.TempDir(), DeadBytes: 4 << 20})
	defer s.Close()
	putDeadLetter(t, s, dead(0, "echo"))
	const letters = 60
	letter := func(i int) store.DeadLetter {
		d := dead(i, "echo")
		d.From, d.Stanza = fmt.Sprint("mallory@example.com/", i), strings.Repeat("x", 100_000)
		return d
	}
	for i := 1; i <= letters-20; i++ {
		putDeadLetter(t, s, letter(i))
	}
	var wg sync.WaitGroup
	for i := letters - 19; i <= letters; i++ { // many at once must not push out another's either
		wg.Go(func() {
			d := letter(i)
			if err := s.DeadLetters().Put(t.Context(), &d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, _, err := s.DeadLetters().List(t.Context(), deliverylog.Filter{Limit: 100})
	require.NoError(t, err)
	if n := len(list); n != 1+10 || list[n-1].ID != dead(0, "").ID {
		t.Errorf("%d letters are left, the oldest %s", n, list[n-1].ID)
	}
	if n := s.DeadLetters().Evicted.Load(); n != letters-10 {
		t.Errorf("%d were evicted", n)
	}
}

// The largest stanza with all that may belong to it fits into a record.
func TestLargestDeadLetter(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	d := dead(1, "echo")
	d.Stanza = strings.Repeat("x", 1<<18)
	d.Reason = strings.Repeat("r", 5000)
	d.From, d.To = strings.Repeat("f", 3071), strings.Repeat("t", 3071)
	for range 80 {
		d.Attempts = append(d.Attempts, deliverylog.Attempt{Time: time.UnixMilli(1), Error: strings.Repeat("e", 5000), Answer: strings.Repeat("ä", 5000), ContentType: strings.Repeat("t", 500), Note: strings.Repeat("n", 500)})
	}
	putDeadLetter(t, s, d)
	got, _, err := s.DeadLetters().Get(t.Context(), d.ID)
	if err != nil || got.Stanza != d.Stanza || len(got.Attempts) != 50 || len(got.Attempts[49].Answer) != 4096 || len(got.Attempts[0].Answer) != 128 || len(got.Attempts[49].Note) != 256 || len(got.Attempts[49].ContentType) != 64 {
		t.Errorf("%d attempts, %v", len(got.Attempts), err)
	}
}
