package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
)

// sink is a Sender that confirms everything, and counts error stanzas.
type sink struct {
	mu     sync.Mutex
	errors map[string]stanza.Condition // by stanza id
}

func (s *sink) Send(_ string, x *stanza.Stanza, done func(error)) error {
	if e, ok := x.StanzaError(); ok {
		s.mu.Lock()
		if s.errors == nil {
			s.errors = map[string]stanza.Condition{}
		}
		s.errors[x.ID] = e.Condition
		s.mu.Unlock()
	}
	done(nil)
	return nil
}

func (s *sink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.errors)
}

// listener is a bot that notes what it has accepted, by conversation.
type listener struct {
	mu     sync.Mutex
	got    map[string][]int // accepted, in order
	seen   map[string]int   // webhook-ids, how often accepted
	status func(conversation string, n int) int
}

// ServeHTTP takes bodies of format rest-xml: <message … from='u7@…' id='12'>.
func (b *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s, err := stanza.Parse(string(data), stanza.Limits{})
	if err != nil {
		w.WriteHeader(400)
		return
	}
	var n int
	fmt.Sscan(s.ID, &n)
	user := s.From.Local()
	if code := b.status(user, n); code != 0 {
		w.WriteHeader(code)
		return
	}
	b.mu.Lock()
	b.got[user] = append(b.got[user], n)
	b.seen[r.Header.Get("Webhook-Id")]++
	b.mu.Unlock()
	w.WriteHeader(204)
}

func (b *listener) accepted() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, list := range b.got {
		n += len(list)
	}
	return n
}

// inOrder checks that each conversation came completely and in order; repeats
// of a run are allowed when again is set.
func (b *listener) inOrder(t *testing.T, sent map[string]int, again bool) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for user, n := range sent {
		next := 0
		for _, got := range b.got[user] {
			switch {
			case got == next:
				next++
			case got > next:
				t.Fatalf("%s: %d came when %d was due", user, got, next)
			case !again:
				t.Fatalf("%s: %d came again", user, got)
			}
		}
		if next != n {
			t.Errorf("%s: %d events came, %d were sent", user, next, n)
		}
	}
}

type testbed struct {
	t    *testing.T
	dir  string
	bot  *listener
	sink *sink
	e    *Endpoint
	s    *store.Store
	w    *Worker
	sent map[string]int
}

func newTestbed(t *testing.T, status func(string, int) int, change ...func(*Endpoint)) *testbed {
	t.Helper()
	b := &testbed{t: t, dir: t.TempDir(), bot: &listener{got: map[string][]int{}, seen: map[string]int{}, status: status}, sink: &sink{}, sent: map[string]int{}}
	srv := httptest.NewServer(b.bot)
	t.Cleanup(srv.Close)
	b.e = &Endpoint{Name: "echo", URL: srv.URL, Kinds: []stanza.Kind{stanza.Message}, Format: FormatRestXML, Queued: true, Timeout: 5 * time.Second,
		Concurrency: 16, Schedule: make([]time.Duration, 10_000), MaxAge: time.Hour}
	for i := range b.e.Schedule {
		b.e.Schedule[i] = 2 * time.Millisecond
	}
	for _, c := range change {
		c(b.e)
	}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *testbed) open() {
	b.t.Helper()
	var err error
	if b.s, err = store.Open(b.t.Context(), store.Options{Dir: b.dir, Sync: store.SyncInterval, MaxBytes: 1 << 30, Log: zap.NewNop()}); err != nil {
		b.t.Fatal(err)
	}
	b.w = NewWorker(b.e, b.sink, zap.NewNop())
	if err := b.w.Open(b.t.Context(), b.s); err != nil {
		b.t.Fatal(err)
	}
}

func (b *testbed) close() {
	if b.s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b.w.Stop(ctx)
	b.s.Close()
	b.s = nil
}

func (b *testbed) put(user string) bool {
	b.t.Helper()
	n := b.sent[user]
	s, err := stanza.Parse(fmt.Sprintf("<message type='chat' id='%d' from='%s@example.com/r' to='echo@bot.example.com'><body>%s</body></message>", n, user, strings.Repeat("x", 100)), stanza.Limits{})
	if err != nil {
		b.t.Fatal(err)
	}
	if !b.w.Queued(&Event{ID: fmt.Sprintf("evt_%s-%d", user, n), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
		return false
	}
	b.sent[user]++
	return true
}

func (b *testbed) until(what string, cond func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within 30 s; %d accepted, status %+v", what, b.bot.accepted(), b.w.Status())
		}
	}
}

func (b *testbed) total() (n int) {
	for _, c := range b.sent {
		n += c
	}
	return n
}

func (b *testbed) empty() {
	b.t.Helper()
	b.until("everything answered and removed", func() bool {
		n, err := b.s.Waiting(context.Background())
		return err == nil && n == 0 && b.w.Status().Queued == 0
	})
	b.until("nothing is left in memory", func() bool {
		q := b.w.queue
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.held == 0 && q.bytes == 0 && len(q.lanes) == 0 && len(q.waits) == 0
	})
}

// With bounds so small that nearly everything goes by the store, with random
// failures and some restarts: complete, in order, and without a repeat but for
// the restarts.
func TestQueueOrderUnderEverything(t *testing.T) {
	for _, restarts := range []int{0, 3} {
		t.Run(fmt.Sprint(restarts, " restarts"), func(t *testing.T) {
			var calls atomic.Int64
			b := newTestbed(t, func(string, int) int {
				if n := calls.Add(1); n%7 == 0 || n/300%5 == 2 { // single failures, and times of nothing but failures
					return 503
				}
				return 0
			})
			shrink := func() {
				b.w.queue.mu.Lock()
				b.w.queue.max = bounds{held: 20, bytes: 1 << 20, ahead: 5, read: 3}
				b.w.queue.mu.Unlock()
			}
			shrink()
			rnd := rand.New(rand.NewPCG(uint64(restarts), 2))
			for round := range restarts + 1 {
				for range 2000 {
					if !b.put(fmt.Sprintf("u%d", rnd.IntN(30))) {
						t.Fatal("refused")
					}
				}
				if round < restarts {
					b.until("some of it", func() bool { return b.bot.accepted() > b.total()/2 })
					b.close()
					b.open()
					shrink()
				}
			}
			b.empty()
			b.bot.inOrder(t, b.sent, restarts > 0)
			if restarts == 0 {
				for id, n := range b.bot.seen {
					if n != 1 {
						t.Errorf("%s came %d times", id, n)
					}
				}
			}
			if n := b.sink.count(); n > 0 {
				t.Errorf("%d error stanzas: %v", n, b.sink.errors)
			}
		})
	}
}

// A conversation that is stuck with more events than fit into memory keeps
// nobody waiting; and comes in order when it is let go.
func TestStuckConversation(t *testing.T) {
	var open atomic.Bool
	b := newTestbed(t, func(user string, _ int) int {
		if user == "stuck" && !open.Load() {
			return 500
		}
		return 0
	})
	for range 5000 {
		if !b.put("stuck") {
			b.until("the store has caught up", func() bool { return b.put("stuck") })
		}
	}
	for i := range 5000 {
		if user := fmt.Sprintf("u%d", i%50); !b.put(user) {
			b.until("the store has caught up", func() bool { return b.put(user) })
		}
	}
	b.until("all the others", func() bool { return b.bot.accepted() == 5000 })
	if st := b.w.Status(); st.InMemory > 100 {
		t.Errorf("%d events of the stuck conversation are in memory", st.InMemory)
	}
	open.Store(true)
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// An endpoint that is down: little stays in memory, nothing is lost, and when
// it is back everything comes in order.
func TestEndpointDown(t *testing.T) {
	var open atomic.Bool
	b := newTestbed(t, func(string, int) int {
		if !open.Load() {
			return 503
		}
		return 0
	})
	for i := range 8_000 {
		if user := fmt.Sprintf("u%d", i%500); !b.put(user) {
			b.until("the store has caught up", func() bool { return b.put(user) })
		}
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 8_000 })
	if st := b.w.Status(); st.InMemory > usual.held+b.e.Concurrency || st.Queued != 8_000 {
		t.Errorf("status %+v", st)
	}
	open.Store(true)
	b.empty()
	b.bot.inOrder(t, b.sent, false)
}

// 410 disables the endpoint, over restarts; the queue and its order are kept.
func TestGoneDisables(t *testing.T) {
	var status atomic.Int64
	status.Store(410)
	b := newTestbed(t, func(string, int) int { return int(status.Load()) }, func(e *Endpoint) { e.Format = FormatEvent })
	// format event has another body: the listener takes what it can read
	b.bot.status = func(string, int) int { return 0 }
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer gone.Close()
	b.close()
	b.e.URL = gone.URL
	b.open()
	b.put("u1")
	b.until("it is disabled", func() bool { return b.w.Status().Disabled })
	attempts := b.w.Counters.Attempts.Load()
	for range 10 {
		b.put("u1")
	}
	b.close()
	b.open()
	status.Store(204)
	b.put("u2")
	if st := b.w.Status(); !st.Disabled || st.Queued != 12 || b.w.Counters.Attempts.Load() != 0 || attempts == 0 {
		t.Errorf("after the restart: %+v, %d attempts", st, b.w.Counters.Attempts.Load())
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.empty()
	if n := b.w.Counters.Delivered.Load(); n != 12 {
		t.Errorf("%d delivered", n)
	}
}

// An event that fails over and over while others of its endpoint succeed
// becomes a dead letter when its schedule is through, and its conversation
// goes on.
func TestAloneFails(t *testing.T) {
	b := newTestbed(t, func(user string, n int) int {
		if user == "u1" && n == 1 {
			return 500
		}
		return 0
	}, func(e *Endpoint) {
		e.Schedule = []time.Duration{5 * time.Millisecond, 5 * time.Millisecond, 5 * time.Millisecond}
	})
	for range 3 {
		b.put("u1")
	}
	b.until("a dead letter", func() bool { b.put("u2"); return b.w.Counters.Dead.Load() == 1 })
	b.until("the rest", func() bool { b.bot.mu.Lock(); defer b.bot.mu.Unlock(); return len(b.bot.got["u1"]) == 2 })
	b.empty()
	d, _, err := b.s.DeadLetter(t.Context(), "evt_u1-1")
	if err != nil || d.Endpoint != "echo" || len(d.Attempts) < 4 || !strings.Contains(d.Reason, "while others") || d.Attempts[0].Status != 500 || d.Type != "message.chat" {
		t.Errorf("dead letter %+v %v", d, err)
	}
	if c := b.sink.errors["1"]; c != stanza.InternalServerError {
		t.Errorf("the sender got %q", c)
	}
	if err := b.s.LogFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := b.s.Delivery(t.Context(), "evt_u1-1"); err != nil || got.State != store.DeadState || len(got.Attempts) < 4 {
		t.Errorf("in the log: %+v %v", got, err)
	}
}

// While all of them fail it is the endpoint that is to blame, and only age
// ends an event.
func TestAllFail(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 500 }, func(e *Endpoint) {
		e.Schedule = []time.Duration{time.Millisecond}
		e.MaxAge = 300 * time.Millisecond
	})
	for range 5 {
		b.put("u1")
	}
	b.until("many attempts", func() bool { return b.w.Counters.Attempts.Load() > 20 })
	b.until("the end of all", func() bool { return b.w.Counters.Dead.Load() == 5 })
	b.empty()
	if n := b.w.Counters.Expired.Load(); n != 5 || b.sink.count() != 5 {
		t.Errorf("%d expired, senders got %v", n, b.sink.errors)
	}
}

// An endpoint that may not be tried at all: what gets too old is given up all
// the same, in memory or not.
func TestExpiryWhileDisabled(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 }, func(e *Endpoint) { e.MaxAge = 200 * time.Millisecond })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 { // more than memory holds
		b.put(fmt.Sprint("u", i%100))
	}
	b.until("the end of all", func() bool { return b.w.Counters.Dead.Load() == 3000 })
	b.empty()
	if n := b.bot.accepted(); n != 0 {
		t.Errorf("%d were delivered", n)
	}
	// and after a restart, when nothing is known of their age
	for i := range 50 {
		b.put(fmt.Sprint("v", i))
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 50 })
	b.close()
	b.open()
	b.until("the end of those", func() bool { return b.w.Counters.Dead.Load() == 50 })
	b.empty()
}

// Events can be taken out of a queue, and put into it again; both keep the
// order of the others.
func TestDropAndReplay(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		b.put("u1")
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 10 })
	if err := b.w.Drop(t.Context(), "evt_u1-4"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Drop(t.Context(), "evt_u1-4"); !errors.Is(err, ErrUnknown) {
		t.Errorf("dropped twice: %v", err)
	}
	r, ok, err := b.w.queue.disk.Find(t.Context(), "evt_u1-7")
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := b.w.Drop(t.Context(), "evt_u1-7"); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Replay(t.Context(), r.Record); err != nil {
		t.Fatal(err)
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.until("all", func() bool { return b.bot.accepted() == 9 })
	b.empty()
	if got := fmt.Sprint(b.bot.got["u1"]); got != "[0 1 2 3 5 6 8 9 7]" {
		t.Errorf("order %s", got)
	}
	if b.bot.seen["evt_u1-7"] != 1 {
		t.Error("a replay has another webhook-id")
	}
}

// One conversation can not fill the store: what is over its bound is refused,
// and its sender told.
func TestConversationOverItsBound(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for range 10_100 {
		b.until("room in front of the store", func() bool { return b.put("u1") })
	}
	b.until("the refusals", func() bool { return b.sink.count() == 100 })
	for id, c := range b.sink.errors {
		if c != stanza.ResourceConstraint {
			t.Errorf("%s: %s", id, c)
		}
	}
	if st := b.w.Status(); st.Queued != 10_000 {
		t.Errorf("status %+v", st)
	}
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.empty()
	b.sent["u1"] = 10_000
	b.bot.inOrder(t, b.sent, false)
}

// The queue of an endpoint that is gone becomes dead letters, and is removed.
func TestRetired(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b.put(fmt.Sprint("u", i%3))
	}
	b.until("all stored", func() bool { n, err := b.s.Waiting(context.Background()); return err == nil && n == 20 })
	b.close()
	b.e.Name = "another"
	b.open()
	r := &Retired{Store: b.s, Sender: b.sink, MaxAge: 300 * time.Millisecond, Log: zap.NewNop()}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	b.until("their end", func() bool { n, err := b.s.CountDead(t.Context(), "echo"); return err == nil && n == 20 })
	b.until("the end of the queue", func() bool {
		names, err := b.s.Orphans(t.Context())
		return err == nil && len(names) == 0 && len(r.Waiting()) == 0
	})
	if b.sink.count() != 7 { // ids 0 to 6, of three users
		t.Errorf("senders got %v", b.sink.errors)
	}
}
