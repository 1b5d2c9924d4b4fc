package deliverylog_test

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// roomID is the id of something said in a room: no time is in it, and no order.
func roomID(n int) string {
	sum := sha256.Sum256([]byte{byte(n >> 8), byte(n)})
	id := ulid.ULID(sum[:16])
	id[0] = id[0]&0x7f | 0x40
	return "evt_" + id.String()
}

func entry(n int, at time.Time) deliverylog.Entry {
	at = at.Truncate(time.Millisecond)
	return deliverylog.Entry{
		ID: eventID(at, n), Endpoint: "echo", Component: "bot.example.com", Type: "message.chat",
		From: fmt.Sprintf("user%d@example.com/phone", n%10), To: "echo@bot.example.com",
		Received: at, State: deliverylog.Delivered,
		Attempt: &deliverylog.Attempt{Time: at.Add(time.Millisecond), Status: 200, Duration: 1500 * time.Microsecond},
		Stanza:  fmt.Sprintf("<message id='%d'><body>hello</body></message>", n),
	}
}

func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	s, err := store.Open(t.Context(), o)
	require.NoError(t, err)
	return s
}

func flush(t testing.TB, s *store.Store) {
	t.Helper()
	require.NoError(t, s.DeliveryLog().Flush(t.Context()))
}

func ids(list []deliverylog.Delivery) []string {
	var all []string
	for _, d := range list {
		all = append(all, d.ID)
	}
	return all
}

// What is known of a delivery at several moments becomes one, also over
// batches and a restart.
func TestEntriesOfAnEventAreOneDelivery(t *testing.T) {
	dir := t.TempDir()
	s := open(t, store.Options{Dir: dir})
	now := time.Now().Truncate(time.Millisecond)
	e := entry(1, now)
	for i := range 60 {
		try := e
		try.State, try.Stanza, try.Reason, try.Next = deliverylog.Retrying, "", "busy", now.Add(time.Minute)
		try.Attempt = &deliverylog.Attempt{Time: now.Add(time.Duration(i) * time.Millisecond), Status: 503, Duration: time.Millisecond, Error: "503 from the endpoint", Answer: strings.Repeat("x", 5000)}
		s.DeliveryLog().Add(&try)
		if i%20 == 0 {
			flush(t, s)
		}
	}
	d, err := s.DeliveryLog().Get(t.Context(), e.ID)
	if err != nil || d.State != deliverylog.Retrying || !d.Next.Equal(now.Add(time.Minute)) {
		t.Fatalf("%+v, %v", d, err)
	}
	s.DeliveryLog().Add(&e)
	flush(t, s)
	s.Close()
	s = open(t, store.Options{Dir: dir})
	defer s.Close()
	d, err = s.DeliveryLog().Get(t.Context(), e.ID)
	require.NoError(t, err)
	if d.State != deliverylog.Delivered || d.Stanza != e.Stanza || !d.Next.IsZero() || d.Reason != "" || !d.Received.Equal(e.Received) ||
		d.From != e.From || d.To != e.To || d.Endpoint != "echo" || d.Component != e.Component || d.Type != e.Type {
		t.Errorf("%+v", d)
	}
	if n := len(d.Attempts); n != 50 || d.Attempts[49].Status != 200 || d.Attempts[49].Duration != 1500*time.Microsecond ||
		len(d.Attempts[48].Answer) != 4096 || d.Attempts[48].Error != "503 from the endpoint" ||
		!slices.IsSortedFunc(d.Attempts[:49], func(a, b deliverylog.Attempt) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("%d attempts: %+v", n, d.Attempts)
	}
	list, _, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{State: deliverylog.Retrying})
	if err != nil || len(list) != 0 {
		t.Errorf("as it was before: %+v, %v", list, err)
	}
	if _, err := s.DeliveryLog().Get(t.Context(), eventID(now, 2)); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func TestDeliveriesInPages(t *testing.T) {
	s := open(t, store.Options{Dir: t.TempDir()})
	defer s.Close()
	start := time.Now().Add(-time.Hour)
	var want []string
	for i := range 1000 {
		e := entry(i, start.Add(time.Duration(i)*time.Second))
		if i%100 == 50 {
			e.Endpoint, e.State = "other", deliverylog.Dead
		}
		if i%3 == 1 {
			e.ID = roomID(i)
		}
		s.DeliveryLog().Add(&e)
		want = append(want, e.ID)
		if i%300 == 0 {
			flush(t, s)
		}
	}
	flush(t, s)
	slices.Reverse(want)
	var got []string
	for cursor, more := "", true; more; more = cursor != "" {
		list, next, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{Cursor: cursor, Limit: 130})
		require.NoError(t, err)
		for _, d := range list {
			if d.Stanza != "" || len(d.Attempts) != 1 {
				t.Fatalf("%+v", d)
			}
		}
		got, cursor = append(got, ids(list)...), next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d of %d, or in another order", len(got), len(want))
	}
	for _, n := range []int{1, 499, 997, 998} {
		if d, err := s.DeliveryLog().Get(t.Context(), want[999-n]); err != nil || !strings.Contains(d.Stanza, fmt.Sprintf("'%d'", n)) {
			t.Errorf("%d: %+v, %v", n, d, err)
		}
	}
	some := map[string]time.Time{want[999-10]: start.Add(10 * time.Second), want[999-20]: start.Add(20 * time.Second)}
	if list, _, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{IDs: some}); err != nil || !slices.Equal(ids(list), []string{want[999-20], want[999-10]}) {
		t.Errorf("by their ids: %+v, %v", list, err)
	}
	if _, _, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{Cursor: "evt_1"}); !errors.Is(err, gateway.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
	for _, c := range []struct {
		name string
		f    deliverylog.Filter
		n    int
	}{
		{"endpoint", deliverylog.Filter{Endpoint: "other"}, 10},
		{"state", deliverylog.Filter{State: deliverylog.Dead}, 10},
		{"bare JID", deliverylog.Filter{JID: "user3@example.com", Limit: 500}, 100},
		{"full JID", deliverylog.Filter{JID: "user3@example.com/phone", Limit: 500}, 100},
		{"another resource", deliverylog.Filter{JID: "user3@example.com/desk"}, 0},
		{"part of a JID", deliverylog.Filter{JID: "user3@example.co"}, 0},
		{"addressee", deliverylog.Filter{JID: "echo@bot.example.com", Limit: 500}, 500},
		{"after", deliverylog.Filter{After: start.Add(990 * time.Second)}, 9},
		{"before", deliverylog.Filter{Before: start.Add(10*time.Second - time.Millisecond)}, 10},
		{"default limit", deliverylog.Filter{}, 50},
	} {
		list, _, err := s.DeliveryLog().List(t.Context(), c.f)
		if err != nil || len(list) != c.n {
			t.Errorf("%s: %d, want %d (%v)", c.name, len(list), c.n, err)
		}
	}
}

// The log keeps the latest deliveries when there are too many, and counts them
// anew at start.
func TestLogIsBounded(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), LogCount: 500}
	start := time.Now().Add(-time.Hour)
	for run := range 2 {
		s := open(t, o)
		for i := range 1000 {
			e := entry(i, start.Add(time.Duration(run*1000+i)*time.Second))
			s.DeliveryLog().Add(&e)
			if i%10 == 0 {
				flush(t, s)
			}
		}
		flush(t, s)
		list, _, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{Limit: 500})
		if err != nil || len(list) > 500 || len(list) < 450 || list[0].ID != eventID(start.Add(time.Duration(run*1000+999)*time.Second).Truncate(time.Millisecond), 999) {
			t.Errorf("%d are left (%v)", len(list), err)
		}
		s.Close()
	}
}

// A large stanza does not need a larger record than the store takes.
func TestLogOfLargeStanzas(t *testing.T) {
	s := open(t, store.Options{Dir: t.TempDir()})
	defer s.Close()
	var want []string
	for i := range 20 {
		e := entry(i, time.Now())
		e.Stanza = strings.Repeat(string(rune('a'+i)), 1<<18)
		s.DeliveryLog().Add(&e)
		want = append(want, e.Stanza)
		flush(t, s)
	}
	list, _, err := s.DeliveryLog().List(t.Context(), deliverylog.Filter{})
	require.NoError(t, err)
	for i, d := range list {
		whole, err := s.DeliveryLog().Get(t.Context(), d.ID)
		if err != nil || !slices.Contains(want, whole.Stanza) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n := s.DeliveryLog().Dropped(); n != 0 {
		t.Errorf("%d were dropped", n)
	}
}

// BenchmarkLog is the cost of an entry with its writing, in entries that are
// as like each other as those of many users' chats.
func BenchmarkLog(b *testing.B) {
	s := open(b, store.Options{Dir: b.TempDir(), MaxBytes: 4 << 30})
	defer s.Close()
	all := make([]deliverylog.Entry, 4096)
	for i := range all {
		e := entry(i, time.Now())
		e.ID, e.From = "evt_"+ulid.Make().String(), fmt.Sprintf("user%d@example.com/%s", i%500, rand.Text()[:8])
		e.Stanza = fmt.Sprintf("<message xmlns='jabber:client' from='%s' to='echo@bot.example.com' id='%[2]s' type='chat'><body>Hello, is anybody there? I wanted to ask about %[3]s.</body>"+
			"<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='%[2]s'/></message>", e.From, rand.Text(), rand.Text())
		all[i] = e
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s.DeliveryLog().Add(&all[i%len(all)])
		if i%10_000 == 9_999 { // so that nothing is dropped
			flush(b, s)
		}
	}
	flush(b, s)
	b.StopTimer()
	if n := s.DeliveryLog().Dropped(); n > 0 {
		b.Errorf("%d were dropped", n)
	}
}
