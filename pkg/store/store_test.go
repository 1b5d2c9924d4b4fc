package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	return openWith(t, store.Options{Dir: dir})
}

func openWith(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	o.MaxBytes, o.MaxStanzaBytes = cmp.Or(o.MaxBytes, 64<<20), 1<<18
	if o.Log == nil {
		o.Log = zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))
	}
	s, err := store.Open(t.Context(), store.Elsewhere(o))
	require.NoError(t, err)
	return s
}

func record(i, conversation int) *store.Record {
	return &store.Record{ID: fmt.Sprintf("evt_%d", i), Component: "bot.example.com", Conversation: store.Conversation("u", fmt.Sprint(conversation)),
		Received: time.UnixMilli(int64(i)), Since: time.UnixMilli(int64(i + 1)), Stanza: fmt.Sprintf("<message id='%d'>\n</message>", i)}
}

func queue(t testing.TB, s *store.Store, name string) *store.Queue {
	t.Helper()
	q, err := s.Queues().Open(t.Context(), name)
	require.NoError(t, err)
	return q
}

// fill stores records and returns their places.
func fill(t testing.TB, q *store.Queue, from, to int) []uint64 {
	t.Helper()
	type result struct {
		seq uint64
		err error
	}
	results := make(chan result, to-from)
	for i := from; i < to; i++ {
		require.NoError(t, q.Append(record(i, i%7), func(seq uint64, err error) { results <- result{seq, err} }))
	}
	var seqs []uint64
	for range to - from {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		seqs = append(seqs, r.seq)
	}
	return seqs
}

// read returns everything that waits in a conversation.
func read(t *testing.T, q *store.Queue, conversation int) []store.Stored {
	t.Helper()
	list, err := q.Read(t.Context(), record(0, conversation).Conversation, 0, 100_000)
	require.NoError(t, err)
	return list
}

func waiting(t *testing.T, s *store.Store, want uint64) {
	t.Helper()
	var n uint64
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var err error
		if n, err = s.Queues().Waiting(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == want {
			return
		}
	}
	t.Fatalf("%d events wait, want %d", n, want)
}

func TestEventsAreReadInOrderWithAllTheirFields(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	q := queue(t, s, "echo")
	seqs := fill(t, q, 0, 3000)
	for c := range 7 {
		i := c
		for _, r := range read(t, q, c) {
			if r.Record != *record(i, c) || r.Seq != seqs[i] {
				t.Fatalf("conversation %d: event %+v, want %+v", c, r, record(i, c))
			}
			i += 7
		}
		if i < 3000 {
			t.Fatalf("conversation %d: only %d came", c, i/7)
		}
	}
}

// Answered events are removed, also behind one that is not; after a restart
// exactly the others are there, in order.
func TestAnsweredIsRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	q := queue(t, s, "echo")
	seqs := fill(t, q, 0, 700)
	for i, seq := range seqs {
		if i%7 != 3 { // conversation 3 is stuck
			q.Ack(record(i, i%7).Conversation, seq)
		}
	}
	waiting(t, s, 100)
	s.Close()

	s = open(t, dir)
	defer s.Close()
	q = queue(t, s, "echo")
	if b := q.Backlog(); len(b) != 1 || b[record(0, 3).Conversation] != 100 {
		t.Errorf("backlog %v", b)
	}
	list := read(t, q, 3)
	for i, r := range list {
		if r.ID != fmt.Sprintf("evt_%d", 3+7*i) {
			t.Fatalf("event %d is %s", i, r.ID)
		}
		q.Ack(r.Conversation, r.Seq)
	}
	more := fill(t, q, 700, 710)
	for i, seq := range more {
		q.Ack(record(700+i, (700+i)%7).Conversation, seq)
	}
	waiting(t, s, 0)
}

// One event can be taken out; the rest is removed as before.
func TestDrop(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	q := queue(t, s, "echo")
	seqs := fill(t, q, 0, 21)
	require.NoError(t, q.Drop(t.Context(), record(7, 0).Conversation, seqs[7]))
	if list := read(t, q, 0); len(list) != 2 || list[0].ID != "evt_0" || list[1].ID != "evt_14" {
		t.Errorf("left %v", list)
	}
	for i, seq := range seqs {
		if i != 7 {
			q.Ack(record(i, i%7).Conversation, seq)
		}
	}
	waiting(t, s, 0)
}

func TestQueuesOfEndpointsThatAreGone(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, queue(t, s, "old"), 0, 1)
	queue(t, s, "new")
	s.Close()
	s = open(t, dir)
	defer s.Close()
	queue(t, s, "new")
	if names := s.Queues().Unclaimed(); !slices.Equal(names, []string{"old"}) {
		t.Errorf("unclaimed %v", names)
	}
}

func TestFullConversationIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	q := queue(t, s, "echo")
	refused := 0
	for from := 0; from < 10_500; from += 500 {
		errs := make(chan error, 500)
		for i := range 500 {
			if err := q.Append(record(from+i, 99), func(_ uint64, err error) { errs <- err }); err != nil {
				errs <- err // on NATS, it is known before
			}
		}
		for range 500 {
			if err := <-errs; errors.Is(err, gateway.ErrFull) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	if refused != 500 {
		t.Errorf("%d refused, want 500", refused)
	}
	fill(t, q, 20_000, 20_020) // other conversations go on
}

// One byte of an old block flips while the store is closed: events are lost,
// and that is said.
func TestDamageIsReported(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, queue(t, s, "echo"), 0, 1000)
	s.Close()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "EVENTS", "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("blocks %v %v", blocks, err)
	}
	data, err := os.ReadFile(blocks[0])
	require.NoError(t, err)
	data[len(data)/2] ^= 0x20
	require.NoError(t, os.WriteFile(blocks[0], data, 0o600))
	// the index would hide it: the server trusts it as long as it is there
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(blocks[0]), "index.db")))
	core, logs := observer.New(zap.ErrorLevel)
	openWith(t, store.Options{Dir: dir, Log: zap.New(core)}).Close()
	entries := logs.FilterMessageSnippet("records of the store are lost").All()
	if len(entries) != 1 || entries[0].ContextMap()["stream"] != "EVENTS" {
		t.Errorf("log %v", logs.All())
	}
	// what is left is taken as it is
	core, logs = observer.New(zap.ErrorLevel)
	openWith(t, store.Options{Dir: dir, Log: zap.New(core)}).Close()
	if logs.Len() != 0 {
		t.Errorf("said twice: %v", logs.All())
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := store.Open(t.Context(), store.Elsewhere(store.Options{Dir: dir})); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second store in the same directory: %v", err)
	}
	s.Close()
	open(t, dir).Close()
}

func TestOutbox(t *testing.T) {
	o := store.Options{Dir: t.TempDir(), Sync: store.SyncAlways, OutboxBytes: 1 << 20, OutboxCount: 5}
	s := openWith(t, o)
	put := func(i int, component string) error {
		return s.Outbox().Put(t.Context(), store.Outgoing{ID: fmt.Sprint(component, i), Component: component, Queued: time.UnixMilli(5), Stanza: fmt.Sprint(i)})
	}
	for i := range 5 {
		require.NoError(t, put(i%3, []string{"a.example.com", "b.example.com"}[i/3]))
	}
	if err := put(9, "b.example.com"); !errors.Is(err, gateway.ErrFull) {
		t.Errorf("over the bound: %v", err)
	}
	s.Close()
	s = openWith(t, o)
	defer s.Close()
	for component, want := range map[string]int{"a.example.com": 3, "b.example.com": 2, "c.example.com": 0} {
		if n, err := s.Outbox().Count(t.Context(), component); err != nil || n != want {
			t.Errorf("%s: %d %v, want %d", component, n, err, want)
		}
	}
	ch := make(chan *store.OutgoingDelivery, 10)
	stop, err := s.Outbox().Consume(t.Context(), "a.example.com", func(d *store.OutgoingDelivery) { ch <- d })
	require.NoError(t, err)
	defer stop()
	for i := range 3 {
		d := <-ch
		if want := (store.Outgoing{ID: fmt.Sprint("a.example.com", i), Component: "a.example.com", Queued: time.UnixMilli(5), Stanza: fmt.Sprint(i)}); d.Outgoing != want {
			t.Errorf("record %+v, want %+v", d.Outgoing, want)
		}
		require.NoError(t, d.Ack())
	}
}

func TestSubscribers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a, b := store.Subscriber{Bot: "echo@bot.example.com", User: "u@example.com"}, store.Subscriber{Bot: "bot.example.com", User: "v@example.com"}
	for _, sub := range []store.Subscriber{a, b, a} {
		require.NoError(t, s.Subscribers().Put(t.Context(), sub))
	}
	require.NoError(t, s.Subscribers().Remove(t.Context(), b))
	s.Close()
	s = open(t, dir)
	defer s.Close()
	began := time.Now()
	if all, err := s.Subscribers().All(t.Context()); err != nil || !slices.Equal(all, []store.Subscriber{a}) {
		t.Errorf("subscribers %v %v", all, err)
	}
	if took := time.Since(began); took > 10*time.Second { // 30 s is how long it waits for records that do not come
		t.Errorf("it waited %v for more subscribers than there are", took)
	}
}
