//go:build integration && (bench || compat)

package main

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// TestRestSpeed posts messages to stanzahook on a real Prosody and lists the
// rates. It judges nothing.
func TestRestSpeed(t *testing.T) {
	s, err := lab.Start(t.Context(), labOptions(lab.Prosody, "load", "sink"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	restSpeed(t, s, "", "")
}

// restSpeed measures POST /rest, 202 when confirmed, in turns with another
// surface on the same server if there is one. The receiver is a component that
// only counts, so that it takes little of the cores.
func restSpeed(t *testing.T, s *lab.Server, other, otherToken string) {
	withoutRace(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "stanzahook.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `
components: [{domain: load.localhost, server: %q, secret: %q}]
http: {listen: "127.0.0.1:0", insecure_no_auth: true}
log: {level: info}
store: {dir: %q}
`, s.ComponentAddr(), testSecret, filepath.Join(dir, "store")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launchFile(t, file)
	p.awaitLinks(1)
	var received atomic.Int64
	sink(t, s.ComponentAddr(), "sink.localhost", &received)
	const body = `{"kind":"message","type":"chat","to":"u@sink.localhost","body":"hello"}`
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
			if other != "" {
				theirs = append(theirs, rate(other, otherToken, c, 2000, http.StatusAccepted))
			}
			ours = append(ours, rate("http://"+p.addr+"/rest", "", c, 6000, http.StatusAccepted))
		}
		slices.Sort(theirs)
		slices.Sort(ours)
		line := fmt.Sprintf("%d connections: stanzahook %.0f/s", c, ours[1])
		if other != "" {
			line += fmt.Sprintf(", mod_rest %.0f/s, ratio %.2f", theirs[1], ours[1]/theirs[1])
		}
		t.Log(line + " (medians of 3)")
	}
}

// sink connects a component that counts the messages it gets (XEP-0114).
func sink(t *testing.T, addr, domain string, received *atomic.Int64) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	buf := make([]byte, 64<<10)
	read := func() string {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	fmt.Fprintf(c, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain)
	id := regexp.MustCompile(`\bid=['"]([^'"]+)`).FindStringSubmatch(read())
	if id == nil {
		t.Fatal("no stream id")
	}
	fmt.Fprintf(c, "<handshake>%x</handshake>", sha1.Sum([]byte(id[1]+testSecret)))
	if answer := read(); !strings.Contains(answer, "<handshake") {
		t.Fatalf("instead of a handshake came %s", answer)
	}
	go func() {
		rest := 0 // of what may be the beginning of an end tag
		for {
			n, err := c.Read(buf[rest:])
			if err != nil {
				return
			}
			data := buf[:rest+n]
			received.Add(int64(bytes.Count(data, []byte("</message>"))))
			last := bytes.LastIndex(data, []byte("</message>"))
			if last >= 0 {
				data = data[last+len("</message>"):]
			}
			rest = copy(buf, data[max(0, len(data)-len("</message>")+1):])
		}
	}()
}
