package delivery_test

import (
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

	"go.uber.org/zap"

	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store"
	"stanzahook/pkg/webhook"
)

const domain = "bot.example.com"

// link is a Sender that notes what is sent and confirms it, or keeps it
// unconfirmed.
type link struct {
	mu       sync.Mutex
	sent     []*stanza.Stanza
	more     []bool // of sent
	withhold bool
	busy     int
	reject   string // the id of a stanza the server never takes
	came     chan struct{}
}

func newLink() *link { return &link{came: make(chan struct{}, 100_000)} }

func (l *link) Send(_ string, s *stanza.Stanza, more bool, done func(error)) error {
	l.mu.Lock()
	if l.busy > 0 {
		l.busy--
		l.mu.Unlock()
		return gateway.ErrBusy
	}
	l.sent, l.more = append(l.sent, s), append(l.more, more)
	withhold := l.withhold
	l.mu.Unlock()
	if s.ID == l.reject {
		done(gateway.ErrRejected)
	} else if !withhold {
		done(nil)
	}
	l.came <- struct{}{}
	return nil
}

// wait returns the first n stanzas that were sent.
func (l *link) wait(t testing.TB, n int) []*stanza.Stanza {
	t.Helper()
	for range n {
		select {
		case <-l.came:
		case <-time.After(10 * time.Second):
			t.Fatalf("%d stanzas were sent, want %d", len(l.all()), n)
		}
	}
	return l.all()
}

func (l *link) all() []*stanza.Stanza {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// bot is an HTTP server that notes its requests.
type bot struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

type request struct {
	header http.Header
	body   string
}

func newBot(t testing.TB, answer http.HandlerFunc) *bot {
	b := &bot{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		b.requests = append(b.requests, request{r.Header.Clone(), string(data)})
		b.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(data)))
		answer(w, r)
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *bot) seen() []request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

func endpoint(url string, change ...func(*webhook.Endpoint)) *webhook.Endpoint {
	e := &webhook.Endpoint{Name: "echo", URL: url, Kinds: []stanza.Kind{stanza.Message}, Format: webhook.FormatEvent, Queued: true, Timeout: 5 * time.Second,
		Concurrency: 32, Schedule: []time.Duration{time.Millisecond, 5 * time.Millisecond}, MaxAge: time.Hour, UserAgent: "stanzahook/test",
		Headers: http.Header{"Authorization": {"Bearer x"}}}
	for _, c := range change {
		c(e)
	}
	return e
}

// patient is never done with its schedule.
func patient(e *webhook.Endpoint) {
	e.Schedule = slices.Repeat([]time.Duration{5 * time.Millisecond}, 10_000)
}

func parse(t testing.TB, xml string) *stanza.Stanza {
	t.Helper()
	s, err := stanza.Parse(xml, stanza.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func event(t testing.TB, id, xml string) *webhook.Event {
	return &webhook.Event{ID: "evt_" + id, Component: domain, Received: time.Date(2026, 11, 20, 18, 0, 0, 123e6, time.UTC), Stanza: parse(t, xml)}
}

// The body is the message's own, and the XML is exact, whatever is inside.
func TestEventRequest(t *testing.T) {
	xml := `<message type='chat' from='u@example.com/r' id="7" to='echo@bot.example.com'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>inner</body></message></forwarded><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>x</p></body></html><body>outer &amp; right</body><unknown xmlns='urn:x' a='"'/></message>`
	b := newBot(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })
	e := endpoint(b.URL + "/hook")
	l := newLink()
	w := newWorker(t, e, l, zap.NewNop())
	w.Deliver(event(t, "1", xml))
	waitFor(t, func() bool { return len(b.seen()) == 1 })
	w.Stop(t.Context())
	got := b.seen()[0]
	var body map[string]any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": "evt_1", "type": "message.chat", "timestamp": "2026-11-20T18:00:00.123Z", "endpoint": "echo", "component": domain,
		"data": map[string]any{"kind": "message", "type": "chat", "from": "u@example.com/r", "to": "echo@bot.example.com", "id": "7", "body": "outer & right", "stanza": xml,
			"forwarded": map[string]any{"message": map[string]any{"kind": "message", "body": "inner"}}, "html": "<body><p>x</p></body>", "xml": "<unknown xmlns='urn:x' a='\"'/>"},
	}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("body %v\nwant %v", body, want)
	}
	for name, want := range map[string]string{"Webhook-Id": "evt_1", "Content-Type": "application/json", "User-Agent": "stanzahook/test", "Authorization": "Bearer x"} {
		if v := got.header.Get(name); v != want {
			t.Errorf("header %s is %q, want %q", name, v, want)
		}
	}
	if got.header.Get("Webhook-Timestamp") == "" {
		t.Error("no webhook-timestamp")
	}
}

func waitFor(t testing.TB, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// rig is a store, a worker and what they talk to.
type rig struct {
	store *store.Store
	w     *delivery.Worker
}

func newRig(t testing.TB, dir string, e *webhook.Endpoint, l delivery.Sender) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Sync: store.SyncInterval, MaxBytes: 256 << 20, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorker(t, e, l, zap.NewNop())
	if err := w.Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r := &rig{s, w}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	if r.store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r.w.Stop(ctx)
	r.store.Close()
	r.store = nil
}

func (r *rig) put(t testing.TB, id, user string) {
	t.Helper()
	ev := event(t, id, fmt.Sprintf("<message type='chat' id='%s' from='%s@example.com/r' to='echo@%s'><body>%s</body></message>", id, user, domain, id))
	ev.Received = time.Now()
	if !r.w.Enqueue(ev) {
		t.Fatalf("event %s was not taken", id)
	}
}

// empty waits until nothing is left in the store.
func (r *rig) empty(t testing.TB) {
	t.Helper()
	waitFor(t, func() bool { n, err := r.store.Waiting(context.Background()); return err == nil && n == 0 })
}

// A conversation whose endpoint fails is retried in place, in order, and does
// not keep another conversation waiting.
func TestOrderWithinAConversation(t *testing.T) {
	var mu sync.Mutex
	fails := map[string]int{}
	open := make(chan struct{})
	b := newBot(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Data struct{ Body, From string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		fails[body.Data.Body]++
		n := fails[body.Data.Body]
		mu.Unlock()
		if strings.HasPrefix(body.Data.From, "stuck") {
			select {
			case <-open:
			default:
				w.WriteHeader(503)
				return
			}
		} else if n <= 2 && strings.HasSuffix(body.Data.Body, "3") {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, body.Data.Body)
	})
	l := newLink()
	r := newRig(t, t.TempDir(), endpoint(b.URL, patient), l)
	for i := range 5 {
		r.put(t, fmt.Sprintf("stuck%d", i), "stuck")
	}
	for i := range 20 {
		for u := range 5 {
			r.put(t, fmt.Sprintf("u%d-%d", u, i), fmt.Sprintf("u%d", u))
		}
	}
	l.wait(t, 100) // everybody else goes on
	for _, s := range l.all() {
		if s.To.Local() == "stuck" {
			t.Fatal("the endpoint's refusal was passed over")
		}
	}
	close(open)
	l.wait(t, 5)
	next := map[string]int{}
	for _, s := range l.all() {
		user := s.To.Local()
		body, _ := s.Body()
		want := fmt.Sprintf("%s-%d", user, next[user])
		if user == "stuck" {
			want = fmt.Sprintf("stuck%d", next[user])
		}
		if body != want {
			t.Fatalf("%s got %q, want %q", user, body, want)
		}
		next[user]++
	}
}

// An event whose reply was not confirmed is delivered again after a restart,
// with the same ids; one whose reply was confirmed is not.
func TestAcknowledgedAfterTheReplyIsConfirmed(t *testing.T) {
	b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "answer")
	})
	dir := t.TempDir()
	l := newLink()
	r := newRig(t, dir, endpoint(b.URL), l)
	r.put(t, "confirmed", "u")
	l.wait(t, 1)
	l.mu.Lock()
	l.withhold = true
	l.mu.Unlock()
	r.put(t, "unconfirmed", "u")
	first := l.wait(t, 1)[1]
	r.close()

	l = newLink()
	r = newRig(t, dir, endpoint(b.URL), l)
	again := l.wait(t, 1)[0]
	if again.XML() != first.XML() || again.ID != "evt_unconfirmed-1" {
		t.Errorf("after the restart %s\nbefore            %s", again.XML(), first.XML())
	}
	r.empty(t)
	r.close()
	var ids []string
	for _, q := range b.seen() {
		ids = append(ids, q.header.Get("Webhook-Id"))
	}
	if !slices.Equal(ids, []string{"evt_confirmed", "evt_unconfirmed", "evt_unconfirmed"}) {
		t.Errorf("webhook-ids %v", ids)
	}
}

func TestGivenUpAfterMaxAge(t *testing.T) {
	for _, drop := range []bool{false, true} {
		b := newBot(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) })
		l := newLink()
		r := newRig(t, t.TempDir(), endpoint(b.URL, func(e *webhook.Endpoint) { e.MaxAge, e.DropOld = 400*time.Millisecond, drop }), l)
		r.put(t, "old", "u")
		waitFor(t, func() bool { return r.w.Counters.Dead.Load() == 1 })
		r.empty(t)
		r.close()
		sent := l.all()
		if drop {
			if len(sent) != 0 {
				t.Errorf("on_exhausted: drop sent %s", sent[0].XML())
			}
			continue
		}
		e, _ := sent[0].StanzaError()
		if len(sent) != 1 || e == nil || e.Type != stanza.Wait || e.Condition != stanza.RecipientUnavailable || e.Text == "" || sent[0].ID != "old" {
			t.Errorf("sent %v", sent)
		}
		if len(b.seen()) < 2 {
			t.Error("a 404 judges the endpoint: it is tried again")
		}
	}
}

func newWorker(t testing.TB, e *webhook.Endpoint, sender delivery.Sender, log *zap.Logger) *delivery.Worker {
	t.Helper()
	w, err := delivery.NewWorker(e, sender, log)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
