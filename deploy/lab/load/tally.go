//go:build linux

package load

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
func NumberedText(user string, n int) string { return user + "-" + strconv.Itoa(n) }

func ReadNumbered(text string) (user string, n int, ok bool) {
	user, digits, _ := strings.Cut(text, "-")
	n, err := strconv.Atoi(digits)
	return user, n, err == nil
}

// answering answers a request of a user's; if it reports true it has not, and
// the message is accepted.
type answering func(user string, w http.ResponseWriter, r *http.Request) bool

// tally is a bot that answers each message with its text, and keeps which it
// has accepted. It has a port that it can close and open again.
type tally struct {
	t        testing.TB
	Addr     string
	Requests atomic.Int64
	moved    chan struct{} // something was accepted

	Mu       sync.Mutex
	server   *httptest.Server // nil: connections are refused
	answer   answering
	First    map[string][]int     // by user: the numbers, as they came first
	Ids      map[string]string    // by text: the webhook-id
	When     map[string]time.Time // by text: when it came first
	count    map[string]int       // by the users' common name: the distinct ones
	Again    map[string]int       // by text: how often it came again
	bounced  map[string]bool      // by id: what we have sent came back as an error
	problems []string
}

func NewTally(t testing.TB) *tally {
	t.Helper()
	b := &tally{t: t, moved: make(chan struct{}, 1), First: make(map[string][]int), Ids: make(map[string]string), When: make(map[string]time.Time), count: make(map[string]int), Again: make(map[string]int), bounced: make(map[string]bool)}
	b.Open()
	t.Cleanup(b.Close)
	return b
}

func (b *tally) URL() string { return "http://" + b.Addr + "/hook" }

// Open listens, at the same port each time. Its address is one that nobody else
// uses, so that the port stays free while it is closed.
func (b *tally) Open() {
	b.t.Helper()
	addr := b.Addr
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
	b.Mu.Lock()
	defer b.Mu.Unlock()
	b.Addr, b.server = l.Addr().String(), s
}

// Close refuses connections until open.
func (b *tally) Close() {
	b.Mu.Lock()
	s := b.server
	b.server = nil
	b.Mu.Unlock()
	if s != nil {
		s.CloseClientConnections()
		s.Close()
	}
}

// AnswerWith says how requests are answered before they are accepted; nil: they are.
func (b *tally) AnswerWith(answer answering) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	b.answer = answer
}

// AnswerStatus answers all requests with a status and nothing else.
func AnswerStatus(code int) answering {
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
		b.Mu.Lock()
		b.bounced[event.Data.ID] = true
		b.Mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b.Requests.Add(1)
	text := event.Data.Body
	user, n, ok := ReadNumbered(text)
	b.Mu.Lock()
	answer := b.answer
	b.Mu.Unlock()
	if answer != nil && !answer(user, w, r) {
		return
	}
	b.accept(text, user, n, ok && strings.HasPrefix(event.Data.From, user+"@"), r.Header.Get("Webhook-Id"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"body":%q}`, text)
}

func (b *tally) accept(text, user string, n int, ok bool, id string) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	was, seen := b.Ids[text]
	switch {
	case !ok || id == "":
		b.problems = append(b.problems, fmt.Sprintf("%q with webhook-id %q", text, id))
	case !seen:
		b.Ids[text], b.When[text] = id, time.Now()
		b.First[user] = append(b.First[user], n)
		b.count[strings.TrimRight(user, "0123456789")]++
	default:
		b.Again[text]++
		if was != id {
			b.problems = append(b.problems, fmt.Sprintf("%s came as %s and as %s", text, was, id))
		}
	}
	select {
	case b.moved <- struct{}{}:
	default:
	}
}

// Accepted counts the messages that were accepted, each once.
func (b *tally) Accepted() int {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return len(b.Ids)
}

// AcceptedOf counts those of one user.
func (b *tally) AcceptedOf(user string) int {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return len(b.First[user])
}

func (b *tally) Has(text string) bool {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return b.Ids[text] != ""
}

// Complete checks that the first n messages of each of the users were accepted
// in order, and how often they came.
func (b *tally) Complete(n func(user string) int, once bool) {
	b.t.Helper()
	b.Mu.Lock()
	defer b.Mu.Unlock()
	for user, numbers := range b.First {
		if !slices.IsSorted(numbers) {
			b.t.Errorf("%s: the messages came in the order %v", user, numbers)
		}
		if len(numbers) != n(user) {
			b.t.Errorf("%s: %d of %d messages were accepted", user, len(numbers), n(user))
		}
	}
	if once && len(b.Again) > 0 {
		b.t.Errorf("%d messages came more than once", len(b.Again))
	}
	b.NoProblems()
}

func (b *tally) NoProblems() {
	b.t.Helper()
	for _, p := range b.problems[:min(len(b.problems), 10)] {
		b.t.Error(p)
	}
}
