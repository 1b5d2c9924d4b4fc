package delivery

import (
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

	"stanzahook/pkg/stanza"
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
