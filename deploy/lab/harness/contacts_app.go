//go:build linux

package harness

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Held is an answer for everybody: the first n get it at once, the others when the
// gate opens. So what is to happen in the middle of a refresh does.
func (a *ContactsApp) Held(t testing.TB, n int, contacts string) *gate {
	g := NewGate(t, Says(contacts))
	begin := a.AskedAll()
	a.Rest(func(w http.ResponseWriter, r *http.Request) {
		if a.AskedAll() <= begin+n {
			g.then(w, r)
			return
		}
		g.ServeHTTP(w, r)
	})
	return g
}

// ContactsApp is a web application that knows who is whose contact.
type ContactsApp struct {
	Server *httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by user
	other   http.HandlerFunc            // for all others; nil: 404
	counts  map[string]int              // requests, by user
	total   int
}

func NewContactsApp(t testing.TB) *ContactsApp {
	a := &ContactsApp{answers: make(map[string]http.HandlerFunc), counts: make(map[string]int)}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Server.Close)
	return a
}

func (a *ContactsApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, ok := strings.CutPrefix(r.URL.Path, "/contacts/")
	a.mu.Lock()
	a.counts[user]++
	a.total++
	answer := a.answers[user]
	if answer == nil {
		answer = a.other
	}
	a.mu.Unlock()
	if !ok || answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, r)
}

// Says is an answer with a body.
func Says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// Want makes a user's contacts these.
func (a *ContactsApp) Want(user, contacts string) { a.Answer(user, Says(contacts)) }

func (a *ContactsApp) Answer(user string, h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[user] = h
}

// Rest answers for all who have no answer of their own.
func (a *ContactsApp) Rest(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.other = h
}

// Asked counts the requests for a user.
func (a *ContactsApp) Asked(user string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[user]
}

// AskedAll counts all requests.
func (a *ContactsApp) AskedAll() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

// gate is an answer that waits until it is opened.
type gate struct {
	then http.HandlerFunc
	open chan struct{}
	once sync.Once
}

// NewGate returns a gate that is open at the end of the test at the latest.
func NewGate(t testing.TB, then http.HandlerFunc) *gate {
	g := &gate{then: then, open: make(chan struct{})}
	t.Cleanup(g.Release)
	return g
}

func (g *gate) Release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.open:
		g.then(w, r)
	case <-r.Context().Done():
	}
}

func (a *ContactsApp) WantAll(t testing.TB, user string, all Contacts) {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	a.Want(user, string(text))
}
