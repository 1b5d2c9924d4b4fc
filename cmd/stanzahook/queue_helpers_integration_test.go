//go:build integration

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The tests of the queue send numbered messages: number 17 of alice has the id
// and the text "alice-17".
func numberedText(user string, n int) string { return user + "-" + strconv.Itoa(n) }

func readNumbered(text string) (user string, n int, ok bool) {
	user, digits, _ := strings.Cut(text, "-")
	n, err := strconv.Atoi(digits)
	return user, n, err == nil
}

// fullFaults reports whether the tests are to run in their full size.
func fullFaults() bool { return os.Getenv("STANZAHOOK_FAULTS") == "full" }

// answering answers a request of a user's; if it reports true it has not, and
// the message is accepted.
type answering func(user string, w http.ResponseWriter, r *http.Request) bool

// tally is a bot that answers each message with its text, and keeps which it
// has accepted. It has a port that it can close and open again.
type tally struct {
	t        *testing.T
	addr     string
	requests atomic.Int64
	moved    chan struct{} // something was accepted

	mu       sync.Mutex
	server   *httptest.Server // nil: connections are refused
	answer   answering
	first    map[string][]int     // by user: the numbers, as they came first
	ids      map[string]string    // by text: the webhook-id
	when     map[string]time.Time // by text: when it came first
	count    map[string]int       // by the users' common name: the distinct ones
	again    map[string]int       // by text: how often it came again
	bounced  map[string]bool      // by id: what we have sent came back as an error
	problems []string
}

func newTally(t *testing.T) *tally {
	t.Helper()
	b := &tally{t: t, moved: make(chan struct{}, 1), first: make(map[string][]int), ids: make(map[string]string), when: make(map[string]time.Time), count: make(map[string]int), again: make(map[string]int), bounced: make(map[string]bool)}
	b.open()
	t.Cleanup(b.close)
	return b
}

func (b *tally) url() string { return "http://" + b.addr + "/hook" }

// open listens, at the same port each time. Its address is one that nobody else
// uses, so that the port stays free while it is closed.
func (b *tally) open() {
	b.t.Helper()
	addr := b.addr
	if addr == "" {
		addr = "127.0.0.2:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		b.t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(b.serve))
	_ = s.Listener.Close() // it has one of its own
	s.Listener = l
	s.Start()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addr, b.server = l.Addr().String(), s
}

// close refuses connections until open.
func (b *tally) close() {
	b.mu.Lock()
	s := b.server
	b.server = nil
	b.mu.Unlock()
	if s != nil {
		s.CloseClientConnections()
		s.Close()
	}
}

// do says how requests are answered before they are accepted; nil: they are.
func (b *tally) do(answer answering) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// answerStatus answers all requests with a status and nothing else.
func answerStatus(code int) answering {
	return func(_ string, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(code)
		return false
	}
}

func (b *tally) serve(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type string
		Data struct{ From, Body, ID string }
	}
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(raw, &event)
	}
	if err != nil {
		return // the program was killed in the middle
	}
	if event.Type == "message.error" { // of what we have sent
		b.mu.Lock()
		b.bounced[event.Data.ID] = true
		b.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b.requests.Add(1)
	text := event.Data.Body
	user, n, ok := readNumbered(text)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer != nil && !answer(user, w, r) {
		return
	}
	b.accept(text, user, n, ok && strings.HasPrefix(event.Data.From, user+"@"), r.Header.Get("Webhook-Id"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"body":%q}`, text)
}

func (b *tally) accept(text, user string, n int, ok bool, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, seen := b.ids[text]
	switch {
	case !ok || id == "":
		b.problems = append(b.problems, fmt.Sprintf("%q with webhook-id %q", text, id))
	case !seen:
		b.ids[text], b.when[text] = id, time.Now()
		b.first[user] = append(b.first[user], n)
		b.count[strings.TrimRight(user, "0123456789")]++
	default:
		b.again[text]++
		if was != id {
			b.problems = append(b.problems, fmt.Sprintf("%s came as %s and as %s", text, was, id))
		}
	}
	select {
	case b.moved <- struct{}{}:
	default:
	}
}

// accepted counts the messages that were accepted, each once.
func (b *tally) accepted() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}

// acceptedOf counts those of one user.
func (b *tally) acceptedOf(user string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.first[user])
}

func (b *tally) has(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids[text] != ""
}

// complete checks that the first n messages of each of the users were accepted
// in order, and how often they came.
func (b *tally) complete(n func(user string) int, once bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for user, numbers := range b.first {
		if !slices.IsSorted(numbers) {
			b.t.Errorf("%s: the messages came in the order %v", user, numbers)
		}
		if len(numbers) != n(user) {
			b.t.Errorf("%s: %d of %d messages were accepted", user, len(numbers), n(user))
		}
	}
	if once && len(b.again) > 0 {
		b.t.Errorf("%d messages came more than once", len(b.again))
	}
	b.noProblems()
}

func (b *tally) noProblems() {
	b.t.Helper()
	for _, p := range b.problems[:min(len(b.problems), 10)] {
		b.t.Error(p)
	}
}
