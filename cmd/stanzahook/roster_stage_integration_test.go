//go:build integration

package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"stanzahook/deploy/lab"
)

// contactsApp is a web application that knows who is whose contact.
type contactsApp struct {
	server *httptest.Server

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by user
	other   http.HandlerFunc            // for all others; nil: 404
	counts  map[string]int              // requests, by user
	total   int
}

func newContactsApp(t *testing.T) *contactsApp {
	a := &contactsApp{answers: make(map[string]http.HandlerFunc), counts: make(map[string]int)}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	return a
}

func (a *contactsApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
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

// says is an answer with a body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// want makes a user's contacts these.
func (a *contactsApp) want(user, contacts string) { a.answer(user, says(contacts)) }

func (a *contactsApp) answer(user string, h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[user] = h
}

// rest answers for all who have no answer of their own.
func (a *contactsApp) rest(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.other = h
}

// asked counts the requests for a user.
func (a *contactsApp) asked(user string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[user]
}

// askedAll counts all requests.
func (a *contactsApp) askedAll() int {
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

// newGate returns a gate that is open at the end of the test at the latest.
func newGate(t *testing.T, then http.HandlerFunc) *gate {
	g := &gate{then: then, open: make(chan struct{})}
	t.Cleanup(g.release)
	return g
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.open:
		g.then(w, r)
	case <-r.Context().Done():
	}
}

// rosterAdmin is the account that may use ejabberd's API, and its password,
// which no log may have in it.
const (
	rosterAdmin    = "roster-admin"
	rosterPassword = testSecret + " of the admin"
)

// rosterOptions describe a server with components named after the rights that
// they have to rosters: no right is an unprivileged component.
func rosterOptions(kind lab.Kind, users []string, components ...lab.Component) lab.Options {
	o := lab.Options{Kind: kind, Users: make(map[string]string), Components: components}
	for _, u := range users {
		o.Users[u] = testPassword
	}
	if kind == lab.Ejabberd {
		o.API, o.Admin = true, rosterAdmin
		o.Users[rosterAdmin] = rosterPassword
	}
	return o
}

// granted is a component with all privileges.
func granted(name string) lab.Component {
	return lab.Component{Domain: name + ".localhost", Secret: testSecret, Privileged: true}
}

func startServer(t *testing.T, o lab.Options) *lab.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	s, err := lab.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	showLog(t, string(o.Kind), s.Logs)
	return s
}

// onServers runs a test for each kind of server, side by side.
func onServers(t *testing.T, test func(t *testing.T, kind lab.Kind)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// rosterSetup is what the configurations of these tests differ in. Fields that
// are empty have the default.
type rosterSetup struct {
	component string // its name, in front of .localhost
	backend   string
	api       bool // ejabberd's
	more      string
}

const rosterConfig = `
components:
  - {domain: %s.localhost, server: "%s", secret: %s}
endpoints:
  - {name: none, url: "http://127.0.0.1:9/"}
rosters:
  - host: localhost
    url: "%s/contacts/%%s"
    backend: %s
%s
http:
  listen: 127.0.0.1:0
  tokens:
    - {name: roster, hash: "sha256:%x", scopes: [roster]}
    - {name: all, hash: "sha256:%x", scopes: [send, query]}
store: {dir: store}
drain: 1s
`

const rosterToken = "token-for-rosters"

// write puts the configuration into a directory, where the store will be too.
func (c rosterSetup) write(t *testing.T, dir string, s *lab.Server, a *contactsApp) (file string) {
	t.Helper()
	var keys []string
	if c.api {
		keys = append(keys, fmt.Sprintf(`ejabberd_api: {url: "%s", user: %s@localhost, password: %s}`, s.APIURL(), rosterAdmin, rosterPassword))
	}
	if c.more != "" {
		keys = append(keys, c.more)
	}
	for i := range keys {
		keys[i] = "    " + keys[i]
	}
	backend := c.backend
	if backend == "" {
		backend = "auto"
	}
	text := fmt.Sprintf(rosterConfig, c.component, s.ComponentAddr(), testSecret, a.server.URL, backend, strings.Join(keys, "\n"),
		sha256.Sum256([]byte(rosterToken)), sha256.Sum256([]byte("token-all")))
	file = filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// keeper starts the program, and waits for its connection.
func (c rosterSetup) keeper(t *testing.T, s *lab.Server, a *contactsApp) *program {
	t.Helper()
	p := launchFile(t, c.write(t, t.TempDir(), s, a))
	p.awaitLinks(1)
	return p
}

// rosterCall makes a request that has to be answered with JSON.
func (p *program) rosterCall(method, path, body string, status int, into any) {
	p.t.Helper()
	r, err := p.call(method, path, rosterToken, asJSON, body)
	if err != nil || r.status != status {
		p.t.Fatalf("%s %s: %d %s %v, want %d", method, path, r.status, r.body, err, status)
	}
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		p.t.Fatalf("%s %s: %s: %v", method, path, r.body, err)
	}
}
