package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"stanzahook/pkg/store"
)

// startMany starts an App with n endpoints, of which each has so many dead letters.
func startMany(t testing.TB, n, letters int) *running {
	t.Helper()
	var endpoints strings.Builder
	endpoints.WriteString("endpoints:\n")
	for i := range n {
		fmt.Fprintf(&endpoints, "  - {name: e%d, url: \"http://127.0.0.1:9/\", match: {to: \"e%[1]d@*\"}}\n", i)
	}
	x := startApp(t, noAuth+endpoints.String())
	for i := range n * letters {
		x.putDead(fmt.Sprint("e", i%n), fmt.Sprint("evt_", i))
	}
	return x
}

func (x *running) putDead(endpoint, id string) {
	x.t.Helper()
	now := time.Now()
	d := store.DeadLetter{
		Record:   store.Record{ID: id, Component: "bot.example.com", Conversation: "c", Received: now, Since: now, Stanza: "<message/>"},
		Endpoint: endpoint, From: "u@example.com", To: "e@bot.example.com", Reason: "too old", Died: now,
	}
	if err := x.store.DeadLetters().Put(context.Background(), &d); err != nil {
		x.t.Fatal(err)
	}
}

// What a console and a scrape ask again and again, with 1,000 endpoints.
func BenchmarkManyEndpoints(b *testing.B) {
	for _, letters := range []int{0, 1} {
		b.Run(fmt.Sprintf("%d dead letters each", letters), func(b *testing.B) {
			x := startMany(b, 1000, letters)
			for _, path := range []string{"/v1/endpoints", "/v1/status", "/metrics"} {
				b.Run(path[1:], func(b *testing.B) {
					for b.Loop() {
						if code, body := x.call("", "GET", path, ""); code != http.StatusOK {
							b.Fatal(code, body)
						}
					}
				})
			}
		})
	}
}
