//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// startSpeed measures how long the program takes from its start until /readyz
// says ready, connected to an in-process peer, with so many events in the store, and
// what memory it has then: after a stop, and after a kill, which leaves the store
// without an index of its files. In the end the endpoint is there, and all events
// must come, each conversation in order. Its figures judge nothing.
func startSpeed(t testing.TB, n int) {
	dir := t.TempDir()
	load.FillQueue(t, filepath.Join(dir, "store"), n)
	peer := componenttest.NewServer(t, "load.localhost", harness.Secret)
	away := harness.FreeAddress(t)
	stop := func(p *harness.Program) {
		if code := p.Stop(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
	}
	var figures []load.Figure
	for _, way := range []struct {
		after string
		ready func()
		end   func(*harness.Program)
	}{
		{"after a stop", func() {}, stop},
		{"after a kill", func() { removeIndex(t, filepath.Join(dir, "store")) }, (*harness.Program).Kill},
	} {
		var ready, memory []float64
		for range load.StartRounds {
			way.ready()
			p, took := startReady(t, dir, peer.Addr(), "http://"+away)
			ready = append(ready, float64(took.Milliseconds()))
			memory = append(memory, float64(p.Resident())/(1<<20))
			way.end(p)
		}
		group := fmt.Sprintf("start, %d events stored", n)
		figures = append(figures, load.NewFigure(group, "", "ready "+way.after, "ms", ready, nil), load.NewFigure(group, "", "memory "+way.after, "MiB", memory, nil))
		t.Logf("start with %d events in the store, %s: ready after %.0f ms (%.0f to %.0f), then %.0f MiB", n, way.after, harness.Median(ready), slices.Min(ready), slices.Max(ready), harness.Median(memory))
	}
	load.KeepFigures(t, fmt.Sprint("start-", n), figures)
	b := load.NewOrderBot()
	l := listenHTTP(t, b)
	began := time.Now()
	p, took := startReady(t, dir, peer.Addr(), "http://"+l)
	harness.Await(t, "all events are delivered", 5*time.Minute, func() bool {
		return p.Ended() || b.Taken.Load()+b.Bad.Load() >= int64(n)
	})
	drained, most := time.Since(began), p.Peak()
	stop(p)
	if b.Taken.Load() != int64(n) || b.Bad.Load()+b.Again.Load() != 0 {
		t.Fatalf("of %d events %d came in order, and %d not; the first of these: %v", n, b.Taken.Load(), b.Bad.Load(), b.First.Load())
	}
	t.Logf("start with %d events in the store, the endpoint takes them: ready after %d ms, all delivered in order after %.1f s, with at most %.0f MiB", n, took.Milliseconds(), drained.Seconds(), float64(most)/(1<<20))
}

// removeIndex removes what the store's streams know of their files, if it is there,
// and what the store held when it was closed.
func removeIndex(t testing.TB, dir string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && (d.Name() == "index.db" || d.Name() == "account.json") {
			err = os.Remove(path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// startReady starts the program and returns when it says that it is ready.
func startReady(t testing.TB, dir, server, url string) (*harness.Program, time.Duration) {
	t.Helper()
	return startWith(t, dir, server, fmt.Sprintf("  - {name: echo, url: %q}\n", url))
}

// startWith is startReady with any endpoints.
func startWith(t testing.TB, dir, server, endpoints string) (*harness.Program, time.Duration) {
	t.Helper()
	file := filepath.Join(dir, "stanzahook.yaml")
	addr := harness.FreeAddress(t)
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: load.localhost, server: %q, secret: %q}]
endpoints:
%shttp: {listen: %q}
store: {dir: %q}
`, server, harness.Secret, endpoints, addr, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: harness.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	p := harness.Command(t, "serve", "--config", file)
	p.Addr = addr
	for {
		resp, err := client.Get("http://" + addr + "/readyz")
		if err == nil {
			_ = resp.Body.Close() // its status is all
			if resp.StatusCode == http.StatusOK {
				return p, time.Since(began)
			}
		}
		if p.Ended() || time.Since(began) > time.Minute {
			t.Fatalf("it does not get ready: %v", p.Err)
		}
		time.Sleep(2 * time.Millisecond) // nobody tells when it listens
	}
}

// listenHTTP serves until the test ends, and returns the address.
func listenHTTP(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	t.Cleanup(func() { _ = s.Close() })
	go func() { _ = s.Serve(l) }() // until it is closed
	return l.Addr().String()
}
