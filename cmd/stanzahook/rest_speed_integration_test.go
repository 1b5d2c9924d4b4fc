//go:build integration && compat

package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// TestRestCompatSpeed posts messages to a mod_rest and to stanzahook on the same
// Prosody, in turns, and lists the rates and their ratio. It judges nothing.
func TestRestCompatSpeed(t *testing.T) {
	m := startModRest(t, os.Getenv("MODULES"), "load")
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: load.localhost, server: %q, secret: %q}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
store: {dir: %q}
`, m.server.ComponentAddr(), testSecret, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	u := login(t, m.server, "peggy")
	u.send("<presence/>")
	var received atomic.Int64
	go func() {
		for {
			if _, err := u.Next(t.Context(), func(r lab.Received) bool { return r.Kind == "message" }); err != nil {
				return
			}
			received.Add(1)
		}
	}()
	body := fmt.Sprintf(`{"kind":"message","type":"chat","to":%q,"body":"hello"}`, u.JID())
	rate := func(url, token string, connections, n int, want int) float64 {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
		defer client.CloseIdleConnections()
		var left atomic.Int64
		left.Store(int64(n))
		before, began := received.Load(), time.Now()
		var wg sync.WaitGroup
		for range connections {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Content-Type", "application/json")
					if token != "" {
						r.Header.Set("Authorization", "Bearer "+token)
					}
					resp, err := client.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close() // it is empty
					if resp.StatusCode != want {
						t.Errorf("%s: %d", url, resp.StatusCode)
						return
					}
				}
			})
		}
		wg.Wait()
		took := time.Since(began)
		eventually(t, "all messages arrive", func() bool { return received.Load()-before >= int64(n) })
		return float64(n) / took.Seconds()
	}
	for _, c := range []int{1, 16, 64} {
		var theirs, ours []float64
		for range 3 {
			theirs = append(theirs, rate(m.url+"/rest", m.token, c, 2000, http.StatusAccepted))
			ours = append(ours, rate("http://"+p.addr+"/rest", "", c, 6000, http.StatusAccepted))
		}
		slices.Sort(theirs)
		slices.Sort(ours)
		t.Logf("%d connections: mod_rest %.0f/s, stanzahook %.0f/s, ratio %.2f (medians of 3)", c, theirs[1], ours[1], ours[1]/theirs[1])
	}
}
