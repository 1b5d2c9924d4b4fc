package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

// link is a Sender that notes what is sent and confirms it.
type link struct {
	mu       sync.Mutex
	sent     []*stanza.Stanza
	more     []bool                      // of sent
	errors   map[string]stanza.Condition // of error stanzas, by id
	busy     int                         // stanzas to refuse
	reject   string                      // the id of a stanza that the server rejects
	withhold bool                        // confirmations are in done instead
	done     []func(error)
	back     func(*webhook.Event) // gets the stanzas to bot.example.com, as from an XMPP server
}

func (l *link) Send(_ string, s *stanza.Stanza, more bool, done func(error)) error {
	l.mu.Lock()
	if l.busy > 0 {
		l.busy--
		l.mu.Unlock()
		return gateway.ErrBusy
	}
	l.sent, l.more = append(l.sent, s), append(l.more, more)
	id := fmt.Sprint("evt_", len(l.sent))
	if e, ok := s.StanzaError(); ok {
		if l.errors == nil {
			l.errors = map[string]stanza.Condition{}
		}
		l.errors[s.ID] = e.Condition
	}
	withhold := l.withhold
	if withhold {
		l.done = append(l.done, done)
	}
	l.mu.Unlock()
	switch {
	case s.ID == l.reject && s.ID != "":
		done(gateway.ErrRejected)
	case !withhold:
		done(nil)
	}
	if l.back != nil && s.To.Domain() == domain {
		again, err := stanza.Parse(s.XML(), stanza.Limits{})
		if err != nil {
			return err
		}
		l.back(&webhook.Event{ID: id, Component: domain, Received: time.Now(), Stanza: again})
	}
	return nil
}

// all returns what was sent.
func (l *link) all() []*stanza.Stanza {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// failed returns how many error stanzas were sent.
func (l *link) failed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.errors)
}

// listener is a bot that notes what it has accepted, by conversation.
type listener struct {
	mu       sync.Mutex
	got      map[string][]int // accepted, in order
	seen     map[string]int   // webhook-ids, how often accepted
	requests int
	status   func(conversation string, n int) int // 0: accepted
	answer   http.HandlerFunc                     // for what is accepted; nil: 204
}

// ServeHTTP takes bodies of format rest-xml, <message … from='u7@…' id='12'>, event and
// component-http; answer gets the stanza alone.
func (b *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var event struct {
		Stanza string
		Data   struct{ Stanza string }
	}
	if json.Unmarshal(data, &event) == nil {
		data = []byte(event.Stanza + event.Data.Stanza)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	s, err := stanza.Parse(string(data), stanza.Limits{})
	if err != nil {
		w.WriteHeader(400)
		return
	}
	var n int
	fmt.Sscan(s.ID, &n)
	user := s.From.Local()
	b.mu.Lock()
	b.requests++
	b.mu.Unlock()
	if b.status != nil {
		if code := b.status(user, n); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	b.mu.Lock()
	b.got[user] = append(b.got[user], n)
	b.seen[r.Header.Get("Webhook-Id")]++
	b.mu.Unlock()
	if b.answer != nil {
		b.answer(w, r)
		return
	}
	w.WriteHeader(204)
}

// text answers with a text.
func text(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, s)
	}
}

func (b *listener) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
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

const domain = "bot.example.com"

// testbed is a worker with its store and what it talks to.
type testbed struct {
	t    *testing.T
	dir  string
	bot  *listener
	link *link
	log  *zap.Logger
	e    *webhook.Endpoint
	by   Watch
	s    *store.Store
	w    *Worker
	sent map[string]int
}

func newTestbed(t *testing.T, status func(string, int) int, change ...func(*testbed)) *testbed {
	t.Helper()
	b := &testbed{t: t, dir: t.TempDir(), bot: &listener{got: map[string][]int{}, seen: map[string]int{}, status: status}, link: &link{}, log: zap.NewNop(), sent: map[string]int{}}
	srv := httptest.NewServer(b.bot)
	t.Cleanup(srv.Close)
	b.e = endpoint(srv.URL)
	b.e.Format, b.e.Queued, b.e.Concurrency, b.e.Schedule = webhook.FormatRestXML, true, 16, slices.Repeat([]time.Duration{2 * time.Millisecond}, 10_000)
	for _, c := range change {
		c(b)
	}
	b.open()
	t.Cleanup(b.close)
	return b
}

// endpoint returns an endpoint for direct delivery.
func endpoint(url string) *webhook.Endpoint {
	return &webhook.Endpoint{Name: "echo", URL: url, Timeout: 5 * time.Second, Concurrency: 4, Schedule: []time.Duration{time.Second}, MaxAge: time.Hour}
}

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Sync: store.SyncInterval, MaxBytes: 1 << 30, Log: zap.NewNop()})
	require.NoError(t, err)
	return s
}

func (b *testbed) open() {
	b.t.Helper()
	b.s = openStore(b.t, b.dir)
	b.w = newWorker(b.t, b.e, b.link, b.log)
	b.w.Watch(b.by)
	require.NoError(b.t, b.w.Open(b.t.Context(), b.s))
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

// must is for calls that do not fail.
func (b *testbed) must(err error) {
	b.t.Helper()
	require.NoError(b.t, err)
}

// event is the next one of a user.
func (b *testbed) event(user string) *webhook.Event {
	n := b.sent[user]
	return &webhook.Event{ID: fmt.Sprintf("evt_%s-%d", user, n), Component: domain, Received: time.Now(),
		Stanza: parsed(fmt.Sprintf("<message type='chat' id='%d' from='%s@example.com/r' to='echo@bot.example.com'><body>%s</body></message>", n, user, strings.Repeat("x", 100)))}
}

// put delivers the next event of a user. It reports false if there is no room.
func (b *testbed) put(user string) bool {
	b.t.Helper()
	if !b.give(b.event(user)) {
		return false
	}
	b.sent[user]++
	return true
}

// give delivers an event through the queue or directly, as the endpoint says.
func (b *testbed) give(ev *webhook.Event) bool {
	ev.Received = time.Now()
	if b.e.Queued {
		return b.w.Enqueue(ev)
	}
	return b.w.Deliver(ev)
}

// putAll delivers the next event of a user, and waits for room.
func (b *testbed) putAll(user string) {
	b.t.Helper()
	if !b.put(user) {
		b.until("room in front of the store", func() bool { return b.put(user) })
	}
}

func (b *testbed) until(what string, cond func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within 2 min; %d accepted, %d sent, status %+v", what, b.bot.accepted(), len(b.link.all()), b.w.Status())
		}
	}
}

// replies waits for n stanzas from the worker, and returns them.
func (b *testbed) replies(n int) []*stanza.Stanza {
	b.t.Helper()
	b.until(fmt.Sprint(n, " stanzas"), func() bool { return len(b.link.all()) >= n })
	return b.link.all()
}

// waiting waits until the store has n events.
func (b *testbed) waiting(n int) {
	b.t.Helper()
	b.until(fmt.Sprint(n, " stored"), func() bool {
		got, err := b.s.Queues().Waiting(context.Background())
		return err == nil && got == uint64(n)
	})
}

func (b *testbed) total() (n int) {
	for _, c := range b.sent {
		n += c
	}
	return n
}

// empty waits until every event is finished and nothing of them is left.
func (b *testbed) empty() {
	b.t.Helper()
	b.until("everything finished and removed", func() bool {
		n, err := b.s.Queues().Waiting(context.Background())
		return err == nil && n == 0 && b.w.Status().Queued == 0
	})
	b.until("nothing is left in memory", func() bool {
		q := b.w.queue
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.held == 0 && q.bytes == 0 && len(q.lanes) == 0 && len(q.waits) == 0
	})
}

func parsed(xml string) *stanza.Stanza {
	return stanza.Must(stanza.Parse(xml, stanza.Limits{}))
}

func eventOf(t testing.TB, xml string) *webhook.Event {
	t.Helper()
	return &webhook.Event{ID: "evt_1", Component: domain, Received: time.Date(2026, 11, 20, 18, 0, 0, 123e6, time.UTC), Stanza: parsed(xml)}
}

func newWorker(t testing.TB, e *webhook.Endpoint, sender Sender, log *zap.Logger) *Worker {
	t.Helper()
	w, err := NewWorker(e, sender, log)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.Stop(ctx)
	})
	return w
}
