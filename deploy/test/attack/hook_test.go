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

	"stanzahook/deploy/lab/harness"
)

// Addresses for tools are open to everybody who can reach the listener.
func hookAttacks() []attack { return []attack{wrongSecrets()} }

// Requests with wrong secrets, for hooks that there are and others, hold up neither the hook
// nor anybody else, and count for no hook. The victim posts to the hook with its secret.
func wrongSecrets() attack {
	var refused, other atomic.Int64
	return attack{
		name: "wrong secrets",
		set: func(st *stage) {
			st.more = fmt.Sprintf(`hooks: [{name: alerts, adapter: text, secret_hash: %q, from: "echo@%s", to: [bob@localhost]}]`, harness.HashOf("s3cret"), st.domain)
			st.post = func(ctx context.Context, text string) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodPost, "http://"+st.program.Addr+"/hooks/alerts/s3cret", strings.NewReader(text))
			}
		},
		strike: func(ctx context.Context, st *stage) {
			requests := 2000
			if fullAttacks() {
				requests = 50_000
			}
			const workers = 16
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
			defer client.CloseIdleConnections()
			paths := []string{"/hooks/alerts/wrong", "/hooks/alerts", "/hooks/nope/wrong", "/hooks/wrong", "/services/T0/B0/wrong", "/api/chat.postMessage"}
			body := strings.Repeat("x", 1000)
			var wg sync.WaitGroup
			for w := range workers {
				wg.Go(func() {
					for n := range requests / workers {
						resp, err := client.Post("http://"+st.program.Addr+paths[(n+w)%len(paths)], "text/plain", strings.NewReader(body))
						if ctx.Err() != nil {
							return
						}
						if err != nil {
							continue // the server may close a connection whose body it has not read
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
						if resp.StatusCode == http.StatusUnauthorized {
							refused.Add(1)
						} else {
							other.Add(1)
						}
					}
				})
			}
			wg.Wait()
		},
		holds: func(st *stage) {
			if refused.Load() == 0 || other.Load() > 0 {
				st.t.Errorf("%d requests were refused, and %d were answered otherwise", refused.Load(), other.Load())
			}
			if status, _, body := st.call("GET", "/v1/hooks/alerts", "admin", ""); status != http.StatusOK || !strings.Contains(body, `"failed":0`) {
				st.t.Errorf("the hook: %d %s", status, body)
			}
		},
	}
}
