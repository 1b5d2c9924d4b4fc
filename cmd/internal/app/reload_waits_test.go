package app

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"stanzahook/deploy/lab/harness"
)

// Requests that wait for long end at a reload that takes their token away, or what
// it may do; those of another token go on.
func TestReloadEndsWaits(t *testing.T) {
	config := func(tokens ...string) string {
		return "http: {listen: \"127.0.0.1:0\", tokens: [" + strings.Join(tokens, ", ") + "]}\nendpoints: [{name: stream, match: {to: \"a@*\"}}, {name: poll, match: {to: \"b@*\"}}, {name: kept}]\n"
	}
	const every, less = "send, query, events", "roster"
	for _, c := range []struct {
		name, after string
		status      int
		reason      string
	}{
		{"gone", token("other", every), 401, "unauthorized"},
		{"less", token("one", less) + ", " + token("other", every), 403, "forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := startApp(t, config(token("one", every), token("other", every)))
			x.srv.SwallowMarkers(true) // no message is confirmed
			type ended struct {
				what   string
				status int
				body   string
			}
			ends := make(chan ended, 10)
			waits := 0
			wait := func(token, method, path, body string, headers ...string) {
				waits++
				go func() {
					r, err := http.NewRequestWithContext(t.Context(), method, "http://"+x.Addr+path, strings.NewReader(body))
					if err != nil {
						ends <- ended{err.Error(), 0, ""}
						return
					}
					r.Header.Set("Authorization", "Bearer "+token)
					for i := 0; i < len(headers); i += 2 {
						r.Header.Set(headers[i], headers[i+1])
					}
					resp, err := http.DefaultClient.Do(r)
					if err != nil {
						return // of the test's end
					}
					defer resp.Body.Close()
					text, _ := io.ReadAll(resp.Body)
					ends <- ended{method + " " + path, resp.StatusCode, string(text)}
				}()
			}
			const query = `{"to":"silent@example.com","ping":true}`
			wait("one", "GET", "/v1/endpoints/stream/events", "", "Accept", "text/event-stream")
			wait("one", "GET", "/v1/endpoints/poll/events?wait=5m", "")
			wait("one", "POST", "/v1/iq?timeout=300s", query)
			wait("one", "POST", "/v1/iq?timeout=300s", query, "Idempotency-Key", "k")
			wait("one", "POST", "/rest", `{"kind":"iq","type":"get","to":"silent@example.com","ping":true}`, "Content-Type", "application/json")
			wait("one", "POST", "/v1/messages?wait=60s", `{"to":"u@example.com","body":"x"}`)
			wait("other", "GET", "/v1/endpoints/kept/events?wait=5m", "")
			harness.Eventually(t, "all requests wait", func() bool { return x.begunRequests() == waits })
			x.reloads(config(c.after), "http.tokens")
			for range waits - 1 {
				e := <-ends
				switch {
				case strings.Contains(e.what, "/kept/"):
					t.Errorf("another token's: %+v", e)
				case strings.Contains(e.what, "/stream/"):
					if e.status != 200 || !strings.HasSuffix(e.body, "\n\n") || !strings.Contains(e.body, "event: end\ndata: {") || !strings.Contains(e.body, `"reason":"`+c.reason+`"`) {
						t.Errorf("%+v", e)
					}
				case e.status != c.status:
					t.Errorf("%+v, want %d", e, c.status)
				}
			}
			if n := x.begunRequests(); n != 1 {
				t.Errorf("%d requests are in progress, want 1", n)
			}
		})
	}
}

// begunRequests returns how many authenticated requests are in progress.
func (x *running) begunRequests() int {
	h := x.server.Handler()
	return h.Slots().Used + h.Waiting().Used
}
