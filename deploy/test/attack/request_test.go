//go:build integration

package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// What callers share, no token can have for itself.
func requestAttacks() []attack { return []attack{waitingQueries(), manyKeys()} }

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

// Keys of one token push out none of another's, and leave room for those to come.
func manyKeys() attack {
	n := 0
	return attack{
		name: "many keys",
		set: func(st *stage) {
			st.more = "store: {dir: store, max_bytes: 16MiB}" // 1 MiB of it for keys
			st.post = func(ctx context.Context, text string) (*http.Request, error) {
				req, err := st.request(ctx, "POST", "/v1/messages", "victim", fmt.Sprintf(`{"to":"bob@localhost","from":"echo@%s","type":"headline","body":%q}`, st.domain, text))
				if err == nil && strings.HasSuffix(text, "0") { // few: its own are not what is to push out its first
					req.Header.Set("Idempotency-Key", text)
				}
				return req, err
			}
		},
		ready: func(st *stage) { keyAgain(st, http.StatusAccepted) },
		before: func(ctx context.Context, st *stage) {
			var wg sync.WaitGroup
			work := make(chan int)
			for range 8 {
				wg.Go(func() {
					for n := range work {
						req, err := st.request(ctx, "POST", "/v1/messages", "mallory", fmt.Sprintf(`{"to":"bob@localhost","from":"x@%s","type":"headline","id":"%d%s","body":"x"}`, st.domain, n, strings.Repeat("i", 800)))
						if err != nil {
							st.t.Error(err)
							return
						}
						req.Header.Set("Idempotency-Key", fmt.Sprint("m-", n))
						resp, err := http.DefaultClient.Do(req)
						if err != nil {
							continue // the time is over
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
				})
			}
			for range 1000 {
				work <- n
				n++
			}
			close(work)
			wg.Wait()
		},
		holds: func(st *stage) { keyAgain(st, http.StatusAccepted) },
	}
}

// keyAgain makes a request of the victim's whose key must be known for long.
func keyAgain(st *stage, want int) {
	st.t.Helper()
	req, err := st.request(st.t.Context(), "POST", "/v1/messages", "victim", fmt.Sprintf(`{"to":"bob@localhost","from":"echo@%s","type":"headline","body":"once"}`, st.domain))
	if err != nil {
		st.t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "the first")
	status, _, body := st.do(http.DefaultClient, req)
	if status != want {
		st.t.Errorf("%d %s", status, body)
	}
	if st.firstAnswer == "" {
		st.firstAnswer = body
	}
	if body != st.firstAnswer {
		st.t.Errorf("the same request again: %s, first %s", body, st.firstAnswer)
	}
}
