//go:build linux

package load

import (
	"bytes"
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
	Most     int // events in one request
}

// NewTally starts one at an address that nobody else uses.
func NewTally(t testing.TB) *tally {
	t.Helper()
	return NewTallyAt(t, "127.0.0.2")
}

// NewTallyAt starts one at an address of this machine.
func NewTallyAt(t testing.TB, host string) *tally {
	t.Helper()
	b := &tally{t: t, Addr: net.JoinHostPort(host, "0"), moved: make(chan struct{}, 1), First: make(map[string][]int), Ids: make(map[string]string), When: make(map[string]time.Time), count: make(map[string]int), Again: make(map[string]int), bounced: make(map[string]bool)}
	b.Open()
	t.Cleanup(b.Close)
	return b
}

func (b *tally) URL() string { return "http://" + b.Addr + "/hook" }

// Open listens, at the same port each time, which stays free while it is closed: nobody else uses its
// address.
func (b *tally) Open() {
	b.t.Helper()
	l, err := net.Listen("tcp", b.Addr)
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

// tallied is an event, as far as a tally reads it.
type tallied struct {
	ID, Type string
	Data     struct{ From, Body, ID string }
}

// serve answers an event with its text, and an array of events with an array of these.
func (b *tally) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle
	}
	together := bytes.HasPrefix(raw, []byte("["))
	var events []tallied
	if together {
		err = json.Unmarshal(raw, &events)
	} else {
		events = make([]tallied, 1)
		err = json.Unmarshal(raw, &events[0])
	}
	if err != nil || len(events) == 0 {
		return
	}
	b.note(len(events), r.Header.Get("Webhook-Id") == events[0].ID)
	answers := make([]string, len(events))
	for i := range events {
		ev := &events[i]
		answers[i] = "null"
		if ev.Type == "message.error" { // of what we have sent
			b.Mu.Lock()
			b.bounced[ev.Data.ID] = true
			b.Mu.Unlock()
			continue
		}
		b.Requests.Add(1)
		text := ev.Data.Body
		user, n, ok := ReadNumbered(text)
		b.Mu.Lock()
		answer := b.answer
		b.Mu.Unlock()
		if i == 0 && answer != nil && !answer(user, w, r) { // all of them
			return
		}
		b.accept(text, user, n, ok && strings.HasPrefix(ev.Data.From, user+"@"), ev.ID)
		answers[i] = fmt.Sprintf(`{"body":%q}`, text)
	}
	w.Header().Set("Content-Type", "application/json")
	if body := strings.Join(answers, ","); together {
		fmt.Fprintf(w, "[%s]", body)
	} else {
		fmt.Fprint(w, body)
	}
}

// note notes how many events a request had, and whether webhook-id was the first one's.
func (b *tally) note(events int, named bool) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	b.Most = max(b.Most, events)
	if !named {
		b.problems = append(b.problems, "a webhook-id is not that of the first event")
	}
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

// Repeated counts how often messages came again.
func (b *tally) Repeated() (n int) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	for _, times := range b.Again {
		n += times
	}
	return n
}

// Silence returns the longest time since began in which no message came that had not come before, and when it
// began.
func (b *tally) Silence(began time.Time) (longest time.Duration, since time.Time) {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	all := []time.Time{began, time.Now()}
	for _, at := range b.When {
		if at.After(began) {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	for i := range all[1:] {
		if silent := all[i+1].Sub(all[i]); silent > longest {
			longest, since = silent, all[i]
		}
	}
	return longest, since
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
