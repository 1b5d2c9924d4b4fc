//go:build integration

package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// A hundred endpoints, of which thirty fail: their bots are dead, hang, answer 500
// or garbage. The seventy go on as if there were no others, in order; who writes
// to one of the thirty is told in the end, and each such message is a dead letter.
func TestFaultsManyEndpoints(t *testing.T) {
	const endpoints, failing = 100, 30
	each := 1 // messages of each user to each endpoint
	if harness.FullFaults() {
		each = 15
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := load.NewTally(t)
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // without that it is not told when we give up
			switch r.URL.Path {
			case "/hangs":
				<-r.Context().Done()
			case "/garbage":
				panic(http.ErrAbortHandler)
			default:
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		t.Cleanup(bad.Close)
		ways := []string{"http://127.0.0.1:1/dead", bad.URL + "/hangs", bad.URL + "/500", bad.URL + "/garbage"}
		c := load.TrafficConfig(s, "many", b.URL())
		c.Endpoints = nil
		var to []string
		for i := range endpoints {
			e := harness.Endpoint{Name: fmt.Sprint("e", i), URL: b.URL(), Component: "many.localhost", To: fmt.Sprintf("e%d@*", i)}
			if i < failing {
				e.URL, e.Timeout, e.MaxAge = ways[i%len(ways)], "1s", "3s"
			}
			c.Endpoints = append(c.Endpoints, e)
			to = append(to, fmt.Sprintf("e%d@many.localhost", i))
		}
		tr := load.StartTraffic(t, s, harness.LaunchConnected(t, c), b, load.Dense, to...)
		awaitSaid(tr, each*endpoints)
		users, callers := tr.Finish()
		failed := 0
		for _, k := range tr.People {
			for n := range k.Said {
				_, bounced := k.Errors[n]
				if n%endpoints < failing {
					failed++
				} else if bounced {
					t.Errorf("message %d of %s has the error %s", n, k.Name, k.Errors[n])
				}
			}
		}
		if users.Bounced != failed || users.Dead != failed {
			t.Errorf("%d messages to endpoints that fail: %d bounced, %d dead letters", failed, users.Bounced, users.Dead)
		}
		if users.Duplicates > 0 {
			t.Errorf("%d messages came again", users.Duplicates)
		}
		users.Close(t)
		callers.Close(t)
	})
}
