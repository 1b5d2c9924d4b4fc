package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// sink is a Sender that confirms everything, and counts error stanzas.
type sink struct {
	mu     sync.Mutex
	errors map[string]stanza.Condition // by stanza id
}

func (s *sink) Send(_ string, x *stanza.Stanza, _ bool, done func(error)) error {
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

// ServeHTTP takes bodies of format rest-xml, <message … from='u7@…' id='12'>, and
// event.
func (b *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var event struct{ Data struct{ Stanza string } }
	if json.Unmarshal(data, &event) == nil {
		data = []byte(event.Data.Stanza)
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
	e    *webhook.Endpoint
	s    *store.Store
	w    *Worker
	sent map[string]int
}

func newTestbed(t *testing.T, status func(string, int) int, change ...func(*webhook.Endpoint)) *testbed {
	t.Helper()
	b := &testbed{t: t, dir: t.TempDir(), bot: &listener{got: map[string][]int{}, seen: map[string]int{}, status: status}, sink: &sink{}, sent: map[string]int{}}
	srv := httptest.NewServer(b.bot)
	t.Cleanup(srv.Close)
	b.e = &webhook.Endpoint{Name: "echo", URL: srv.URL, Kinds: []stanza.Kind{stanza.Message}, Format: webhook.FormatRestXML, Queued: true, Timeout: 5 * time.Second,
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
	b.w = newWorker(b.t, b.e, b.sink, zap.NewNop())
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
	if !b.w.Enqueue(&webhook.Event{ID: fmt.Sprintf("evt_%s-%d", user, n), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
		return false
	}
	b.sent[user]++
	return true
}

func (b *testbed) until(what string, cond func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within 2 min; %d accepted, status %+v", what, b.bot.accepted(), b.w.Status())
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

func parsed(t testing.TB, xml string) *stanza.Stanza {
	t.Helper()
	s, err := stanza.Parse(xml, stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventOf(t testing.TB, xml string) *webhook.Event {
	t.Helper()
	return &webhook.Event{ID: "evt_1", Component: "bot.example.com", Received: time.Date(2026, 11, 20, 18, 0, 0, 123e6, time.UTC), Stanza: parsed(t, xml)}
}

func newWorker(t testing.TB, e *webhook.Endpoint, sender Sender, log *zap.Logger) *Worker {
	t.Helper()
	w, err := NewWorker(e, sender, log)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
