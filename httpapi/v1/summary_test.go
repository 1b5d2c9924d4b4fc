package v1_test

import (
	"testing"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
	"stanzahook/pkg/summary"
)

func TestSummary(t *testing.T) {
	var minutes int
	h := serve(v1.Options{Summary: func(n int, endpoint string) ([]summary.Row, error) {
		if minutes = n; endpoint == "none" {
			return nil, gateway.ErrNotFound
		}
		return []summary.Row{{Time: now, In: 5, Out: 4, Delivered: 3, Failed: 2, Dead: 1, P50: 1500 * time.Microsecond, P99: time.Second}, {Time: now.Add(-time.Minute)}}, nil
	}})
	const want = `{"items":[{"time":"2026-11-20T18:00:00Z","in":5,"out":4,"delivered":3,"failed":2,"dead":1,"p50_ms":1.5,"p99_ms":1000},{"time":"2026-11-20T17:59:00Z","in":0,"out":0,"delivered":0,"failed":0,"dead":0,"p50_ms":null,"p99_ms":null}]}`
	for query, n := range map[string]int{"": 60, "?range=90s&endpoint=echo": 1, "?range=24h": 1440} {
		equalJSON(t, ask(h, "reader", "GET", "/v1/summary"+query, ""), want)
		if minutes != n {
			t.Errorf("%q: %d minutes, want %d", query, minutes, n)
		}
	}
	isProblem(t, ask(h, "admin", "GET", "/v1/summary?range=24h1m", ""), 400, `range: "24h1m" is not a duration up to 24h0m0s`)
	isProblem(t, ask(h, "admin", "GET", "/v1/summary?range=59s", ""), 400, "range: ")
	isProblem(t, ask(h, "admin", "GET", "/v1/summary?range=day", ""), 400, "range: ")
	isProblem(t, ask(h, "admin", "GET", "/v1/summary?endpoint=none", ""), 404, `no endpoint is named "none"`)
	isProblem(t, ask(h, "events", "GET", "/v1/summary", ""), 403, `lacks the scope "admin" or "read"`)
}
