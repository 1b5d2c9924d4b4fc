//go:build linux

package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/deploy/lab/natsserver"
)

// natsSpeed measures the whole way with the store on three NATS servers, beside that with the
// embedded store, in turns: the servers share the cores with all the rest.
func natsSpeed(t testing.TB, kind lab.Kind) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin, "stanzahook/deploy/lab/echobot").CombinedOutput(); err != nil {
		t.Fatalf("no build: %v\n%s", err, out)
	}
	bot := harness.Helper(t, filepath.Join(bin, "echobot"), "-listen", "127.0.0.1:0")
	o := harness.ServerOptions(kind, "embedded", "nats")
	o.Nagle = true // as pathSpeed has it
	s := harness.StartServer(t, o)
	n := natsserver.Start(t, natsserver.Options{Nodes: 3})
	var walkers []*load.Walker
	for _, store := range []struct{ name, keys string }{
		{"embedded", fmt.Sprintf("dir: %q", filepath.Join(bin, "store"))}, {"nats", fmt.Sprintf("nats: {url: %q, replicas: 3}", n.URL())},
	} {
		p := harness.LaunchLinked(t, harness.WriteConfig(t, t.TempDir(), fmt.Sprintf("components: [{domain: %s.localhost, server: %q, secret: %q}]\nendpoints: [{name: echo, url: %q, format: event}]\nhttp: {listen: %q}\nstore: {%s}\n",
			store.name, s.ComponentAddr(), harness.Secret, "http://"+bot.Said+"/", harness.FreeAddress(t), store.keys)))
		walkers = append(walkers, &load.Walker{Name: "store: " + store.name, Address: "echo@" + store.name + ".localhost", Pid: p.Cmd.Process.Pid, Count: load.PathCount})
	}
	var clients []*load.PathClient
	for i := range load.PathClients {
		clients = append(clients, load.PathLogin(t, s, harness.Users[i]))
	}
	for _, w := range walkers { // to warm up
		load.PathRound(t, clients, w, load.PathWindow, w.Count/4)
	}
	embedded, nats := walkers[0], walkers[1]
	for range load.BenchRounds(t) {
		for _, w := range walkers {
			w.Round(t, clients, s.Group(), bot.Pid)
		}
		for _, w := range walkers {
			_, waited := load.PathRound(t, clients[:1], w, 1, load.PathSingles/3)
			w.Singles = append(w.Singles, waited...)
		}
	}
	embedded.Raw, nats.Raw = embedded.Rates, embedded.Rates
	var figures []load.Figure
	for _, w := range walkers {
		f := w.Figure(kind)
		t.Logf("%s on %s: %.0f messages/s, %.2f of the embedded store; one at a time, p50 %.2f ms", w.Name, kind, f.Median, f.Ratio, f.Others["one at a time, p50 in ms"])
		figures = append(figures, f)
	}
	load.KeepFigures(t, "nats-"+string(kind), figures)
}
