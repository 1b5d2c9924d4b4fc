package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// batchBot is a bot that takes arrays of events. It answers each event with its id,
// unless answer says otherwise.
type batchBot struct {
	mu     sync.Mutex
	asked  [][]string                                          // the ids of each request
	hold   chan struct{}                                       // the first request waits for it; nil: none does
	answer func(n int, ids []string) (status int, body string) // n counts requests from 1
}

func (b *batchBot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var events []struct{ Data struct{ ID, From string } }
	if err := json.Unmarshal(body, &events); err != nil {
		w.WriteHeader(500)
		return
	}
	var ids []string
	for _, ev := range events {
		user, _, _ := strings.Cut(ev.Data.From, "@")
		ids = append(ids, user+ev.Data.ID)
	}
	b.mu.Lock()
	b.asked = append(b.asked, ids)
	n := len(b.asked)
	b.mu.Unlock()
	if n == 1 && b.hold != nil {
		<-b.hold
	}
	status, text := 200, ""
	if b.answer != nil {
		status, text = b.answer(n, ids)
	}
	if text == "" {
		text = echoes(ids)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, text)
}

// echoes is an answer with the id of each event as its reply.
func echoes(ids []string) string {
	text, _ := json.Marshal(ids)
	return string(text)
}

func (b *batchBot) requests() [][]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

// batches is a testbed whose endpoint takes n events in a request, and whose bot holds the
// first of them until the others wait.
func batches(t *testing.T, n int, answer func(n int, ids []string) (int, string), change ...func(*testbed)) (*testbed, *batchBot) {
	t.Helper()
	bot := &batchBot{hold: make(chan struct{}), answer: answer}
	srv := httptest.NewServer(bot)
	t.Cleanup(srv.Close)
	b := newTestbed(t, nil, append([]func(*testbed){func(b *testbed) {
		b.e.URL, b.e.Format, b.e.Batch = srv.URL, webhook.FormatEvent, n
	}}, change...)...)
	return b, bot
}

// run sends n events of a user behind a first one, and lets the bot answer.
func (b *testbed) run(bot *batchBot, user string, n int) {
	b.t.Helper()
	b.put(user)
	b.until("the first request", func() bool { return len(bot.requests()) == 1 })
	for range n {
		b.put(user)
	}
	b.waiting(n + 1)
	close(bot.hold)
}

// bodies are the replies and error stanzas that were sent, in order.
func bodies(list []*stanza.Stanza) []string {
	var all []string
	for _, s := range list {
		body, _ := s.Body()
		if e, ok := s.StanzaError(); ok {
			body = string(e.Condition) + " " + s.ID
		}
		all = append(all, body)
	}
	return all
}

func (b *testbed) wantRequests(bot *batchBot, want ...string) {
	b.t.Helper()
	var got []string
	for _, ids := range bot.requests() {
		got = append(got, strings.Join(ids, " "))
	}
	if !reflect.DeepEqual(got, want) {
		b.t.Errorf("requests %q\nwant     %q", got, want)
	}
}

func (b *testbed) wantSent(want ...string) {
	b.t.Helper()
	if got := bodies(b.replies(len(want))); !reflect.DeepEqual(got, want) {
		b.t.Errorf("sent %q\nwant %q", got, want)
	}
}

// What waits of a conversation goes in one request, in order; nothing waits for company.
func TestBatchTakesWhatWaits(t *testing.T) {
	b, bot := batches(t, 4, nil)
	b.run(bot, "u", 6)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u5 u6")
	b.wantSent("u0", "u1", "u2", "u3", "u4", "u5", "u6")
	if c := &b.w.Counters; c.Attempts.Load() != 7 || c.Delivered.Load() != 7 || c.Results.Success.Load() != 7 || c.Failures.Load() != 0 {
		t.Errorf("%d attempts, %d delivered", c.Attempts.Load(), c.Delivered.Load())
	}
}

// Conversations do not share a request.
func TestBatchIsOfOneConversation(t *testing.T) {
	b, bot := batches(t, 4, nil, func(b *testbed) { b.e.Concurrency = 1 })
	b.put("a")
	b.until("the first request", func() bool { return len(bot.requests()) == 1 })
	for range 2 {
		b.put("a")
		b.put("b")
	}
	b.waiting(5)
	close(bot.hold)
	b.empty()
	for _, ids := range bot.requests() {
		for _, id := range ids {
			if id[0] != ids[0][0] {
				t.Errorf("a request with %q", ids)
			}
		}
	}
	if n := len(bot.requests()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// The event that fails waits alone; those before it are done, those behind it come after
// it, and are no worse for it.
func TestBatchFailureInTheMiddle(t *testing.T) {
	failed := 0
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		i := slices.Index(ids, "u2")
		if i < 0 || failed == 2 {
			return 200, ""
		}
		failed++
		return 200, strings.TrimSuffix(echoes(ids[:i]), "]") + strings.TrimPrefix(`,{"status":500}]`, map[bool]string{true: ","}[i == 0])
	})
	b.run(bot, "u", 4)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u2", "u2", "u3 u4")
	b.wantSent("u0", "u1", "u2", "u3", "u4")
	if n := b.w.Counters.Results.Retry.Load(); n != 2 {
		t.Errorf("%d attempts failed", n)
	}
	b.must(b.s.DeliveryLog().Flush(t.Context()))
	for id, attempts := range map[string]int{"evt_u-1": 1, "evt_u-2": 3, "evt_u-3": 2} { // the first of evt_u-3 came to nothing
		d, err := b.s.DeliveryLog().Get(t.Context(), id)
		if err != nil || d.State != deliverylog.Delivered || len(d.Attempts) != attempts {
			t.Errorf("%s: %+v %v", id, d, err)
		}
	}
}

// A refusal is of one event: it alone becomes a dead letter, and its sender gets the error.
func TestBatchRefusesOne(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		return 200, strings.Replace(echoes(ids), `"u2"`, `{"status":422}`, 1)
	})
	b.run(bot, "u", 3)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3")
	b.wantSent("u0", "u1", "bad-request 2", "u3")
	dead, _, err := b.s.DeadLetters().List(t.Context(), Filter{})
	if err != nil || len(dead) != 1 || dead[0].ID != "evt_u-2" || len(dead[0].Attempts) != 1 || dead[0].Attempts[0].Status != 422 {
		t.Errorf("dead letters %+v, %v", dead, err)
	}
}

// A request that is refused as a whole is about one of its events, or their number: each
// goes alone then, and only what is refused alone is a dead letter.
func TestBatchRefusedAsAWhole(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		if slices.Contains(ids, "u2") {
			return 400, "no"
		}
		return 200, ""
	})
	b.run(bot, "u", 3)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3", "u1", "u2", "u3")
	b.wantSent("u0", "u1", "bad-request 2", "u3")
	if n, err := b.s.DeadLetters().Count(t.Context(), "echo"); err != nil || n != 1 {
		t.Errorf("%d dead letters, %v", n, err)
	}
}

// A poisonous event that breaks the bot holds up no other for longer than its own retries.
func TestBatchWithAPoisonousEvent(t *testing.T) {
	b, bot := batches(t, 10, func(_ int, ids []string) (int, string) {
		if slices.Contains(ids, "u2") {
			return 500, "broken"
		}
		return 200, ""
	}, func(b *testbed) {
		b.e.Schedule = []time.Duration{time.Millisecond, time.Millisecond}
		b.e.MaxAge = time.Hour
	})
	b.run(bot, "u", 4)
	b.until("the event given up", func() bool {
		b.put("other") // succeeds meanwhile, so that it is the event's fault
		n, err := b.s.DeadLetters().Count(context.Background(), "echo")
		return err == nil && n == 1
	})
	b.empty()
	var of []string
	for _, s := range b.link.all() {
		if s.To.Local() == "u" {
			of = append(of, bodies([]*stanza.Stanza{s})[0])
		}
	}
	if len(of) != 5 || of[0] != "u0" || of[1] != "u1" || !strings.HasSuffix(of[2], " 2") || of[3] != "u3" || of[4] != "u4" {
		t.Errorf("u got %q", of)
	}
}

// A shorter array is no failure: the rest goes on at once. An empty one is.
func TestBatchAnsweredInParts(t *testing.T) {
	empty := 0
	b, bot := batches(t, 10, func(n int, ids []string) (int, string) {
		switch {
		case len(ids) > 1:
			return 200, echoes(ids[:2])
		case ids[0] == "u5" && empty == 0:
			empty++
			return 200, "[]"
		}
		return 200, ""
	})
	b.run(bot, "u", 5)
	b.empty()
	b.wantRequests(bot, "u0", "u1 u2 u3 u4 u5", "u3 u4 u5", "u5", "u5")
	b.wantSent("u0", "u1", "u2", "u3", "u4", "u5")
	if n := b.w.Counters.Failures.Load(); n != 1 {
		t.Errorf("%d failures", n)
	}
}

// Each reply is confirmed for itself: the events whose replies are not are delivered again
// by the next process, and no other.
func TestBatchKilledBeforeConfirmations(t *testing.T) {
	b, bot := batches(t, 10, nil)
	b.link.withhold = true
	b.run(bot, "u", 4)
	b.replies(5)
	b.link.mu.Lock()
	done := slices.Clone(b.link.done)
	b.link.mu.Unlock()
	for _, i := range []int{0, 1, 3} { // u3 waits for u2
		done[i](nil)
	}
	b.until("two removed", func() bool {
		n, err := b.s.Queues().Waiting(context.Background())
		return err == nil && n == 3
	})
	b.close()
	b.link = &link{}
	b.open()
	b.empty()
	b.wantSent("u2", "u3", "u4")
	b.wantRequests(bot, "u0", "u1 u2 u3 u4", "u2 u3 u4")
}

// While a request is under way its events cannot be dropped, and others can.
func TestBatchInFlight(t *testing.T) {
	b, bot := batches(t, 2, nil)
	second := make(chan struct{})
	bot.answer = func(n int, _ []string) (int, string) {
		if n == 2 {
			<-second
		}
		return 200, ""
	}
	b.run(bot, "u", 3)
	b.until("the second request", func() bool { return len(bot.requests()) == 2 })
	for i, want := range []string{"", errInFlight.Error(), errInFlight.Error(), ""} {
		if i == 0 {
			continue
		}
		id := fmt.Sprintf("evt_u-%d", i)
		_, _, inFlight, known := b.w.Pending(id)
		if !known || inFlight != (want != "") {
			t.Errorf("%s: in flight %v, known %v", id, inFlight, known)
		}
		if err := b.w.Drop(t.Context(), id); fmt.Sprint(err) != want && (err != nil || want != "") {
			t.Errorf("%s dropped: %v", id, err)
		}
	}
	close(second)
	b.empty()
	b.wantSent("u0", "u1", "u2")
}

// An event that the store refuses while it is behind a failing one is known to its sender:
// it would be lost with the process.
func TestBatchUnstoredBehindAFailure(t *testing.T) {
	b, bot := batches(t, 10, nil)
	defer close(bot.hold)
	q := b.w.queue
	l := &lane{conversation: "c", of: &source{}, state: busy, flight: 2}
	first, second := &item{Event: b.event("u"), begun: true}, &item{Event: b.event("v"), begun: true, state: unstored}
	q.mu.Lock()
	q.load(l, first)
	q.load(l, second)
	q.count += 2
	q.mu.Unlock()
	q.giveBack(l, []*item{second}, 0)
	if got := bodies(b.link.all()); len(got) != 1 || !strings.HasPrefix(got[0], string(stanza.ResourceConstraint)) || len(l.mem) != 1 || l.flight != 0 {
		t.Errorf("sent %q, %d are left", got, len(l.mem))
	}
	q.mu.Lock()
	q.withdraw(l, first)
	q.mu.Unlock()
}

// Under load with failures of every kind nothing is lost, and each conversation keeps its order.
func TestBatchOrderUnderFailures(t *testing.T) {
	var mu sync.Mutex
	got := map[string][]string{}
	note := func(ids []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			got[id[:2]] = append(got[id[:2]], id[2:])
		}
	}
	b, bot := batches(t, 7, func(n int, ids []string) (int, string) {
		switch k := len(ids) / 2; n % 7 {
		case 1:
			return 503, "later"
		case 2:
			if len(ids) > 1 {
				return 413, "too much"
			}
		case 3:
			note(ids[:k])
			return 200, strings.TrimSuffix(echoes(ids[:k]), "]") + strings.TrimPrefix(`,{"status":500}]`, map[bool]string{true: ","}[k == 0])
		case 4:
			if k == 0 {
				return 200, "[]"
			}
			note(ids[:k])
			return 200, echoes(ids[:k])
		}
		note(ids)
		return 200, ""
	}, func(b *testbed) { b.e.DropOld = true })
	close(bot.hold)
	for range 200 {
		for u := range 5 {
			b.putAll(fmt.Sprint("u", u))
		}
	}
	b.until("all", func() bool { return b.w.Status().Queued == 0 })
	want := make([]string, 200)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	for u := range 5 {
		if user := fmt.Sprint("u", u); !reflect.DeepEqual(got[user], want) {
			t.Errorf("%s: got %v", user, got[user])
		}
	}
}
