//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
)

// mailer posts messages to one surface.
type mailer struct {
	name        string
	url, host   string // host: of the Host header; empty: as the URL has it
	kind, body  string
	auth        string
	status      int // of success
	connections int
	count       int // messages of a round
	rates       []float64
}

// round posts and waits until everything has arrived.
func (p *mailer) round(t testing.TB, received *atomic.Int64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: p.connections}}
	defer client.CloseIdleConnections()
	var left atomic.Int64
	left.Store(int64(p.count))
	before, began := received.Load(), time.Now()
	var wg sync.WaitGroup
	for range p.connections {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := p.post(t.Context(), client); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	p.rates = append(p.rates, float64(p.count)/time.Since(began).Seconds())
	harness.Eventually(t, "all messages arrive", func() bool { return received.Load()-before >= int64(p.count) })
}

func (p *mailer) post(ctx context.Context, client *http.Client) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(p.body))
	if err != nil {
		return err
	}
	r.Host = p.host
	r.Header.Set("Content-Type", p.kind)
	if p.auth != "" {
		r.Header.Set("Authorization", p.auth)
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body) // or the connection is not used again
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != p.status {
		return fmt.Errorf("%s: %d", p.url, resp.StatusCode)
	}
	return nil
}

// sink connects a component that counts the messages it gets (XEP-0114).
func sink(t testing.TB, addr, domain string, received *atomic.Int64) {
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
	fmt.Fprintf(c, "<handshake>%x</handshake>", sha1.Sum([]byte(id[1]+harness.Secret)))
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
