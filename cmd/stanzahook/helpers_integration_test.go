//go:build integration

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"stanzahook/deploy/lab"
)

// patience is how long a test waits for what takes a moment at most.
const patience = 20 * time.Second

// binary is the program under test: these tests run it as its users do, as a
// process of its own.
var binary string

// coverDir is where the program says which of its code has run; empty: nowhere. What is
// killed says nothing.
func coverDir() string { return os.Getenv("STANZAHOOK_COVER") }

func TestMain(m *testing.M) { os.Exit(testAll(m)) }

func testAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "stanzahook-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "stanzahook")
	build := []string{"build", "-o", binary}
	if coverDir() != "" {
		build = append(build, "-cover", "-covermode=atomic", "-coverpkg=stanzahook/...")
	}
	// The race detector needs cgo, which is not everywhere.
	out, err := exec.Command("go", append(build, "-race", ".")...).CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "no build with -race, so without: %s\n", out)
		out, err = exec.Command("go", append(build, ".")...).CombinedOutput()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the program does not build: %v\n%s", err, out)
		return 1
	}
	defer func() {
		for _, s := range sharedServers {
			if s.server != nil {
				_ = s.server.Close()
			}
		}
	}()
	return m.Run()
}

// Every test has a component and users of its own on the server it shares with
// the others.
const (
	testSecret   = "a secret"
	testPassword = "pass word"
)

var (
	testDomains = []string{"event", "direct", "xml", "rest", "secret", "twice", "bad", "large", "kill", "load", "auto", "slix", "term", "over", "answer", "both", "table", "example", "format", "hand", "v1", "reload", "alert", "from", "net", "net2", "bots", "many", "flood", "slow", "clock", "undeclared", "emptyid", "lost"}
	testUsers   = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "olivia", "peggy", "rupert", "sybil", "trent", "victor", "walter", "wendy", "xavier"}
)

// serverLimit is what the servers take of a component in one stanza. A larger
// one makes them close its stream.
const serverLimit = 300_000

// labOptions describe a server with the components of these names.
func labOptions(kind lab.Kind, domains ...string) lab.Options {
	o := lab.Options{Kind: kind, Users: make(map[string]string), MaxStanzaBytes: serverLimit}
	for _, u := range testUsers {
		o.Users[u] = testPassword
	}
	for _, d := range domains {
		o.Components = append(o.Components, lab.Component{Domain: d + ".localhost", Secret: testSecret})
	}
	return o
}

type sharedServer struct {
	once   sync.Once
	server *lab.Server
	err    error
}

var sharedServers = map[lab.Kind]*sharedServer{lab.Prosody: {}, lab.Ejabberd: {}}

// forBoth runs a test against both servers, side by side.
func forBoth(t *testing.T, test func(t *testing.T, s *lab.Server)) {
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			shared := sharedServers[kind]
			shared.once.Do(func() {
				shared.server, shared.err = lab.Start(context.Background(), labOptions(kind, testDomains...))
			})
			if shared.err != nil {
				t.Fatal(shared.err)
			}
			showLog(t, string(kind), shared.server.Logs)
			test(t, shared.server)
		})
	}
}

// showLog prints the end of a log if the test fails.
func showLog(t *testing.T, name string, text func() string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		lines := strings.Split(strings.TrimSpace(text()), "\n")
		t.Logf("%s, the last lines of its log:\n%s", name, strings.Join(lines[max(0, len(lines)-40):], "\n"))
	})
}

// testConfig is what the configurations of the tests differ in.
type testConfig struct {
	Components   []testComponent
	Endpoints    []testEndpoint
	MaxBodyBytes int
	PerSecond    int // requests of a token; 0: any
}

type testComponent struct {
	Domain, Server, Secret, Keepalive string
	MaxStanzaBytes                    int
}

type testEndpoint struct {
	Name, URL, Component, Format string
	To, Timeout, MaxAge          string   // default: any, 15s, the product's
	Stanzas                      []string // default: messages
	Schedule                     []string // default: three short steps
}

// oneComponent is a component with one endpoint of format event.
func oneComponent(s *lab.Server, name string, b *bot) testConfig {
	domain := name + ".localhost"
	return testConfig{
		Components: []testComponent{{Domain: domain, Server: s.ComponentAddr(), Secret: testSecret}},
		Endpoints:  []testEndpoint{{Name: "echo", URL: b.url(), Component: domain}},
	}
}

// write puts the configuration into a directory, where the store will be too.
func (c testConfig) write(t *testing.T, dir string) string {
	t.Helper()
	funcs := template.FuncMap{"join": strings.Join, "hash": func(token string) string {
		sum := sha256.Sum256([]byte(token))
		return hex.EncodeToString(sum[:])
	}}
	const name = "stanzahook.yaml.tmpl"
	tmpl, err := template.New(name).Funcs(funcs).ParseFiles(filepath.Join("testdata", "integration", name))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// user is a client of the server; what it waits for must come.
type user struct {
	*lab.Client
	t *testing.T
}

func login(t *testing.T, s *lab.Server, name string) user {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := s.Login(ctx, name, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server may be gone already
	return user{c, t}
}

func (u user) send(format string, args ...any) {
	u.t.Helper()
	if err := u.SendRaw(fmt.Sprintf(format, args...)); err != nil {
		u.t.Fatal(err)
	}
}

func (u user) next(what string, match func(lab.Received) bool) lab.Received {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), patience)
	defer cancel()
	r, err := u.Next(ctx, match)
	if err != nil {
		u.t.Fatalf("%s: %v", what, err)
	}
	return r
}

// echo writes to a bot and waits for its answer.
func (u user) echo(bot, text string) lab.Received {
	u.t.Helper()
	u.send("<message to='%s' type='chat' id='%s'><body>%s</body></message>", bot, text, text)
	return u.next("echo of "+text, func(r lab.Received) bool { return r.Kind == "message" && r.Body == text })
}
