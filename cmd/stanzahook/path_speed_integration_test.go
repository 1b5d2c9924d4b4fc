//go:build integration && bench

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// Full load, and what is measured of it.
const (
	pathClients = 4
	pathWindow  = 50    // messages of a client without an answer
	pathCount   = 12000 // messages of a round
	pathRounds  = 5
	pathSingles = 1500 // messages of a round, one at a time
)

// TestPathSpeed measures the whole way on real servers: user, server,
// stanzahook (format event, queued, confirmed), bot, and back. It takes turns
// with a component that only sends back what it gets, the best that the server
// can do; server, bot and load share the cores with both. With OTHER, the path
// of another build of stanzahook, it takes turns with that one too. It judges
// nothing. A run counts for little if other programs used much.
func TestPathSpeed(t *testing.T) {
	withoutRace(t)
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { pathSpeed(t, kind) })
	}
}

// walker is what answers the messages.
type walker struct {
	name, domain string
	pid          int
	rounds       []pathResult
	singles      []time.Duration // medians of the rounds with one message at a time
}

// pathResult is one round at full load: messages/s, and what was used for a
// message.
type pathResult struct {
	rate float64
	usage
}

// of returns the median of something over the rounds.
func (w *walker) of(what func(pathResult) float64) float64 {
	var all []float64
	for _, r := range w.rounds {
		all = append(all, what(r))
	}
	return median(all)
}

func pathSpeed(t *testing.T, kind lab.Kind) {
	o := labOptions(kind, "raw", "load", "other")
	o.Nagle = true // as it is in a Prosody that nobody has tuned
	s, err := lab.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho", "stanzahook/examples/echo-go").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := helper(t, filepath.Join(bin, "echo-go"), "-listen", "127.0.0.1:0")
	raw := helper(t, filepath.Join(bin, "rawecho"), "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", testSecret)
	walkers := []*walker{
		{name: "raw echo", domain: "raw.localhost", pid: raw.pid},
		{name: "stanzahook", domain: "load.localhost", pid: pathProgram(t, s, "load.localhost", "http://"+bot.said+"/")},
	}
	if other := os.Getenv("OTHER"); other != "" {
		was := binary
		binary = other
		walkers = append(walkers, &walker{name: "the other", domain: "other.localhost", pid: pathProgram(t, s, "other.localhost", "http://"+bot.said+"/")})
		binary = was
	}
	var clients []*pathClient
	for i := range pathClients {
		clients = append(clients, pathLogin(t, s, testUsers[i]))
	}
	for _, w := range walkers { // to warm up
		pathRound(t, clients, w.domain, pathWindow, pathCount/2)
	}
	for range pathRounds {
		for _, w := range walkers {
			before := used(w.pid, s.Group(), bot.pid)
			took, _ := pathRound(t, clients, w.domain, pathWindow, pathCount)
			w.rounds = append(w.rounds, pathResult{pathCount / took.Seconds(), used(w.pid, s.Group(), bot.pid).since(before, pathCount)})
		}
	}
	for range 3 {
		for _, w := range walkers {
			_, waited := pathRound(t, clients[:1], w.domain, 1, pathSingles)
			w.singles = append(w.singles, waited)
		}
	}
	for _, w := range walkers {
		var ratios []float64
		for i, r := range w.rounds {
			ratios = append(ratios, r.rate/walkers[0].rounds[i].rate)
		}
		t.Logf("%s, %s: %.0f messages/s, %.2f of the raw echo (%.2f to %.2f); one at a time p50 %.2f ms; µs of CPU a message: its own %.1f, server %.0f, bot %.0f, load %.0f, other programs %.0f, idle %.0f; its reads and writes a message %.1f",
			kind, w.name, w.of(func(r pathResult) float64 { return r.rate }), median(ratios), slices.Min(ratios), slices.Max(ratios), float64(median(w.singles).Microseconds())/1e3,
			w.of(func(r pathResult) float64 { return r.own }), w.of(func(r pathResult) float64 { return r.server }), w.of(func(r pathResult) float64 { return r.bot }),
			w.of(func(r pathResult) float64 { return r.load }), w.of(func(r pathResult) float64 { return r.foreign }), w.of(func(r pathResult) float64 { return r.idle }),
			w.of(func(r pathResult) float64 { return r.calls }))
	}
}

// pathProgram starts stanzahook as it is without any configuration but the
// necessary, and returns its process.
func pathProgram(t *testing.T, s *lab.Server, domain, url string) int {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: %s, server: %q, secret: %q}]
endpoints: [{name: echo, url: %q}]
http: {listen: "127.0.0.1:0"}
store: {dir: %q}
`, domain, s.ComponentAddr(), testSecret, url, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	return p.cmd.Process.Pid
}

type helperProcess struct {
	pid  int
	said string // its first line
}

// helper runs a program until the test ends, and returns when it has said
// something.
func helper(t *testing.T, name string, args ...string) helperProcess {
	t.Helper()
	cmd := exec.Command(name, args...)
	out := &logbook{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, name+" is ready", func() bool { return strings.Contains(out.String(), "\n") })
	line, _, _ := strings.Cut(out.String(), "\n")
	return helperProcess{cmd.Process.Pid, line}
}
