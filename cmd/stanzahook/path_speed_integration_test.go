//go:build integration && bench

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
)

// Full load, and what is measured of it.
const (
	pathClients = 4
	pathWindow  = 50    // messages of a client without an answer
	pathCount   = 12000 // messages of a round
	pathFewer   = 3000  // of a round of a module, which takes longer
	pathSingles = 1500  // messages of a round, one at a time
)

// benchRounds is how often everything is measured: ROUNDS, or 5.
func benchRounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ROUNDS=%q is no number of rounds", text)
	}
	return n
}

// TestPathSpeed measures the whole way on real servers: user, server, stanzahook in
// each format, queued (stored, confirmed) and direct, bot, and back. They take turns
// with a component that only sends back what it gets, the best that the server can do,
// and with the modules of MODULES; server, bot and load share the cores with all of
// them. With OTHER, the path of another build of stanzahook, that one takes turns too.
// It fails if an answer is missing or out of order, and judges nothing else. A run
// counts for little if other programs used much.
func TestPathSpeed(t *testing.T) {
	withoutRace(t)
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) { pathSpeed(t, kind) })
	}
}

// walker is what answers the messages.
type walker struct {
	name, address string
	pid           int       // 0: a part of the server
	count         int       // messages of a round
	disorder      bool      // it does not keep the order
	rates, raw    []float64 // messages/s, and of the raw echo before it
	usages        []usage
	singles       []float64 // medians in ms of the rounds with one message at a time
}

func (w *walker) round(t *testing.T, clients []*pathClient, server, bot int) {
	t.Helper()
	before := used(w.pid, server, bot)
	took, _ := pathRound(t, clients, w, pathWindow, w.count)
	w.rates = append(w.rates, float64(w.count)/took.Seconds())
	w.usages = append(w.usages, used(w.pid, server, bot).since(before, float64(w.count)))
}

// of returns the median of something that was used.
func (w *walker) of(what func(usage) float64) float64 {
	var all []float64
	for _, u := range w.usages {
		all = append(all, what(u))
	}
	return median(all)
}

// figure sums the rounds up.
func (w *walker) figure(kind lab.Kind) figure {
	f := newFigure("user, bot and back", string(kind), w.name, "messages/s", w.rates, w.raw)
	f.Others = map[string]float64{
		"one at a time, p50 in ms": median(w.singles),
		"µs of CPU, server":        w.of(func(u usage) float64 { return u.server }),
		"µs of CPU, bot":           w.of(func(u usage) float64 { return u.bot }),
		"µs of CPU, load":          w.of(func(u usage) float64 { return u.load }),
		"µs of CPU, others":        w.of(func(u usage) float64 { return u.foreign }),
		"µs idle":                  w.of(func(u usage) float64 { return u.idle }),
	}
	if w.pid != 0 {
		f.Others["µs of CPU, own"] = w.of(func(u usage) float64 { return u.own })
		f.Others["reads and writes, own"] = w.of(func(u usage) float64 { return u.calls })
	}
	return f
}

func pathSpeed(t *testing.T, kind lab.Kind) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho", "stanzahook/deploy/lab/echobot").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := helper(t, filepath.Join(bin, "echobot"), "-listen", "127.0.0.1:0")
	url := "http://" + bot.said + "/"
	o := labOptions(kind, "raw", "load", "other")
	o.Nagle = true // as it is in a Prosody that nobody has tuned
	var modules *others
	if kind == lab.Prosody {
		if modules = modulesAtHand(t); modules != nil {
			modules.join(&o, url)
		}
	}
	s := startServer(t, o)
	raw := helper(t, filepath.Join(bin, "rawecho"), "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", testSecret)
	walkers := []*walker{{name: "raw echo", address: "echo@raw.localhost", pid: raw.pid, count: pathCount}}
	walkers = append(walkers, pathProgram(t, s, "load.localhost", url)...)
	if other := os.Getenv("OTHER"); other != "" {
		was := binary
		binary = other
		for _, w := range pathProgram(t, s, "other.localhost", url)[:2] {
			w.name = "OTHER, " + w.name
			walkers = append(walkers, w)
		}
		binary = was
	}
	if modules != nil {
		walkers = append(walkers, &walker{name: "mod_rest", address: "echo@modrest.localhost", count: pathFewer, disorder: true},
			&walker{name: "mod_component_http", address: "echo@modhttp.localhost", count: pathFewer, disorder: true})
	}
	var clients []*pathClient
	for i := range pathClients {
		clients = append(clients, pathLogin(t, s, testUsers[i]))
	}
	for _, w := range walkers { // to warm up
		pathRound(t, clients, w, pathWindow, w.count/4)
	}
	first := walkers[0]
	for range benchRounds(t) {
		for _, w := range walkers[1:] { // each right behind the raw echo: a machine has moods
			first.round(t, clients, s.Group(), bot.pid)
			w.raw = append(w.raw, first.rates[len(first.rates)-1])
			w.round(t, clients, s.Group(), bot.pid)
		}
	}
	first.raw = first.rates
	for range 3 {
		for _, w := range walkers {
			_, waited := pathRound(t, clients[:1], w, 1, pathSingles)
			w.singles = append(w.singles, float64(waited.Microseconds())/1e3)
		}
	}
	var figures []figure
	for _, w := range walkers {
		figures = append(figures, w.figure(kind))
	}
	keepFigures(t, "path-"+string(kind), figures)
}

// pathProgram starts stanzahook with an endpoint for each format, queued and direct,
// and besides that as it is without configuration.
func pathProgram(t *testing.T, s *lab.Server, domain, url string) []*walker {
	t.Helper()
	var endpoints strings.Builder
	var walkers []*walker
	for _, format := range []string{"event", "component-http", "rest-json", "rest-xml"} {
		for _, delivery := range []string{"queued", "direct"} {
			name := format + "-" + delivery
			address := name + "@" + domain
			fmt.Fprintf(&endpoints, "  - {name: %s, url: %q, format: %s, delivery: %s, match: {to: %q}}\n", name, url, format, delivery, address)
			walkers = append(walkers, &walker{name: "stanzahook, " + format + ", " + delivery, address: address, count: pathCount})
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: %s, server: %q, secret: %q}]
endpoints:
%shttp: {listen: "127.0.0.1:0"}
store: {dir: %q}
`, domain, s.ComponentAddr(), testSecret, &endpoints, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	for _, w := range walkers {
		w.pid = p.cmd.Process.Pid
	}
	return walkers
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
