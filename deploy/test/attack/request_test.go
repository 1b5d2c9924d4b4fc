//go:build integration

package attack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Queries that nobody answers hold requests of one token alone.
func waitingQueries() attack {
	const queries = 1100 // more than there are requests at the same time
	var refused, later atomic.Int64
	var others sync.Map
	return attack{
		name: "waiting queries",
		before: func(ctx context.Context, st *stage) {
			c := st.mallory("silent") // the client answers pings alone
			caller := &http.Client{Transport: &http.Transport{}}
			var begun sync.WaitGroup
			for n := range queries {
				begun.Add(1)
				go func() {
					defer begun.Done()
					req, err := st.request(st.t.Context(), "POST", "/v1/iq?timeout=300s", "mallory", fmt.Sprintf(`{"type":"get","to":%q,"id":"q-%d","xml":"<query xmlns='urn:example:silence'/>"}`, c.JID(), n))
					if err != nil {
						st.t.Error(err)
						return
					}
					answered := make(chan struct{})
					go func() {
						defer close(answered)
						resp, err := caller.Do(req)
						if err != nil {
							return // the test is over
						}
						_ = resp.Body.Close()
						switch {
						case resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "":
							refused.Add(1)
						case resp.StatusCode == http.StatusServiceUnavailable:
							later.Add(1)
						default:
							others.Store(resp.StatusCode, true)
						}
					}()
					select {
					case <-answered:
					case <-time.After(time.Second): // it waits
					}
				}()
			}
			begun.Wait()
		},
		holds: func(st *stage) {
			if refused.Load() < queries/2 {
				st.t.Errorf("of %d queries %d were over the token's share", queries, refused.Load())
			}
			others.Range(func(k, _ any) bool {
				st.t.Errorf("a query was answered with %v", k)
				return true
			})
			if status, _, body := st.call("GET", "/v1/status", "admin", ""); status != http.StatusOK {
				st.t.Errorf("the status: %d %s", status, body)
			}
		},
	}
}

// silentServer is a listener in the place of a server's for clients, which says nothing.
func silentServer(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute))
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// Logins that hang, which need no credentials, take no requests from those who have a
// token.
func hangingLogins() attack {
	const logins = 1100
	return attack{
		name: "hanging logins",
		set: func(st *stage) {
			silent := silentServer(st.t)
			st.http = fmt.Sprintf("basic: {accounts: {server: %q, hosts: [localhost], tls: none}}", silent)
		},
		strike: func(ctx context.Context, st *stage) {
			ctx, cancel := context.WithTimeout(ctx, 2*attackTime())
			defer cancel()
			caller := &http.Client{Transport: &http.Transport{}}
			var wg sync.WaitGroup
			for n := range logins {
				if !pace(ctx, 5*time.Millisecond) {
					break
				}
				wg.Go(func() {
					req, err := http.NewRequestWithContext(ctx, "POST", "http://"+st.program.Addr+"/msg/bob", strings.NewReader("hello"))
					if err != nil {
						st.t.Error(err)
						return
					}
					req.Header.Set("Content-Type", "text/plain")
					req.SetBasicAuth(fmt.Sprintf("user%d@localhost", n), "x")
					resp, err := caller.Do(req)
					if err != nil {
						return // the time is over
					}
					_ = resp.Body.Close()
					if resp.StatusCode != http.StatusServiceUnavailable {
						st.t.Errorf("a login that hangs: %d", resp.StatusCode)
					}
				})
			}
			status, _, body := st.call("GET", "/v1/status", "admin", "")
			if status != http.StatusOK {
				st.t.Errorf("the admin: %d %s", status, body)
			}
			wg.Wait()
		},
	}
}
