//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// pathSpeed measures the whole way on real servers: user, server, stanzahook in
// each format, queued (stored, confirmed) and direct, bot, and back. They take turns
// with a component that only sends back what it gets, the best that the server can do,
// and with the modules of MODULES; server, bot and load share the cores with all of
// them. With OTHER, the path of another build of stanzahook, that one takes turns too.
// It fails if an answer is missing or out of order, and judges nothing else. A run
// counts for little if other programs used much.
func pathSpeed(t testing.TB, kind lab.Kind) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/rawecho", "stanzahook/deploy/lab/echobot").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := harness.Helper(t, filepath.Join(bin, "echobot"), "-listen", "127.0.0.1:0")
	url := "http://" + bot.Said + "/"
	near := harness.Helper(t, filepath.Join(bin, "echobot"), "-listen", filepath.Join(bin, "bot.sock"))
	o := harness.ServerOptions(kind, "raw", "load", "other")
	o.Nagle = true // as it is in a Prosody that nobody has tuned
	var modules *others
	if kind == lab.Prosody {
		if modules = modulesAtHand(t); modules != nil {
			modules.join(&o, url)
		}
	}
	s := harness.StartServer(t, o)
	raw := harness.Helper(t, filepath.Join(bin, "rawecho"), "-addr", s.ComponentAddr(), "-domain", "raw.localhost", "-secret", harness.Secret)
	walkers := []*load.Walker{{Name: "raw echo", Address: "echo@raw.localhost", Pid: raw.Pid, Count: load.PathCount}}
	walkers = append(walkers, pathProgram(t, s, "load.localhost", url,
		variant{"socket", fmt.Sprintf("url: %q", "unix:"+near.Said+":/")}, variant{"batch", fmt.Sprintf("url: %q, batch: 20", url)})...)
	if other := os.Getenv("OTHER"); other != "" {
		was := harness.Binary
		harness.Binary = other
		for _, w := range pathProgram(t, s, "other.localhost", url)[:4] { // event and component-http: replies with an origin-id, and without
			w.Name = "OTHER, " + w.Name
			walkers = append(walkers, w)
		}
		harness.Binary = was
	}
	if modules != nil {
		walkers = append(walkers, &load.Walker{Name: "mod_rest", Address: "echo@modrest.localhost", Count: load.PathFewer, Disorder: true},
			&load.Walker{Name: "mod_component_http", Address: "echo@modhttp.localhost", Count: load.PathFewer, Disorder: true})
	}
	var clients []*load.PathClient
	for i := range load.PathClients {
		clients = append(clients, load.PathLogin(t, s, harness.Users[i]))
	}
	for _, w := range walkers { // to warm up
		load.PathRound(t, clients, w, load.PathWindow, w.Count/4)
	}
	first := walkers[0]
	for range load.BenchRounds(t) {
		for _, w := range walkers[1:] { // each right behind the raw echo: a machine has moods
			first.Round(t, clients, s.Group(), bot.Pid)
			w.Raw = append(w.Raw, first.Rates[len(first.Rates)-1])
			asked := bot.Pid
			if strings.HasSuffix(w.Name, ", socket") {
				asked = near.Pid
			}
			w.Round(t, clients, s.Group(), asked)
		}
	}
	first.Raw = first.Rates
	for range 3 {
		for _, w := range walkers {
			_, waited := load.PathRound(t, clients[:1], w, 1, load.PathSingles)
			w.Singles = append(w.Singles, waited...)
		}
	}
	var figures []load.Figure
	for _, w := range walkers {
		figures = append(figures, w.Figure(kind))
	}
	load.KeepFigures(t, "path-"+string(kind), figures)
}

// variant is a further endpoint of format event, queued, with keys of its own.
type variant struct{ name, keys string }

// pathProgram starts stanzahook with an endpoint for each format, queued and direct, and
// for each variant, and besides that as it is without configuration.
func pathProgram(t testing.TB, s *lab.Server, domain, url string, variants ...variant) []*load.Walker {
	t.Helper()
	var endpoints strings.Builder
	var walkers []*load.Walker
	for _, format := range []string{"event", "component-http", "rest-json", "rest-xml"} {
		for _, delivery := range []string{"queued", "direct"} {
			name := format + "-" + delivery
			address := name + "@" + domain
			fmt.Fprintf(&endpoints, "  - {name: %s, url: %q, format: %s, delivery: %s, match: {to: %q}}\n", name, url, format, delivery, address)
			walkers = append(walkers, &load.Walker{Name: "stanzahook, " + format + ", " + delivery, Address: address, Count: load.PathCount})
		}
	}
	for _, v := range variants {
		address := v.name + "@" + domain
		fmt.Fprintf(&endpoints, "  - {name: %s, %s, match: {to: %q}}\n", v.name, v.keys, address)
		walkers = append(walkers, &load.Walker{Name: "stanzahook, event, queued, " + v.name, Address: address, Count: load.PathCount})
	}
	dir := t.TempDir()
	file := harness.WriteConfig(t, dir, fmt.Sprintf(`
components: [{domain: %s, server: %q, secret: %q}]
endpoints:
%shttp: {listen: "127.0.0.1:0"}
store: {dir: %q}
`, domain, s.ComponentAddr(), harness.Secret, &endpoints, filepath.Join(dir, "store")))
	p := harness.LaunchLinked(t, file)
	for _, w := range walkers {
		w.Pid = p.Cmd.Process.Pid
	}
	return walkers
}
