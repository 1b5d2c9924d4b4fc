//go:build integration && bench

package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// TestRosterSpeed refreshes 200 rosters of 50 contacts on real servers, five
// rounds each: nothing has changed, and five contacts have another name. It lists
// the medians and judges nothing.
func TestRosterSpeed(t *testing.T) {
	withoutRace(t)
	const many, contacts, changes, rounds = 200, 50, 5, 5
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			users := numberedUsers(many)
			s := startServer(t, rosterOptions(kind, users, granted("speed")))
			app := newContactsApp(t)
			var version atomic.Int64
			app.rest(func(w http.ResponseWriter, _ *http.Request) {
				var b strings.Builder
				for i := range contacts {
					name := fmt.Sprintf("Contact %d", i)
					if i < changes {
						name += fmt.Sprintf(", version %d", version.Load())
					}
					fmt.Fprintf(&b, `,"c%d@example.com":{"name":%q,"groups":["Friends"]}`, i, name)
				}
				_, _ = fmt.Fprint(w, "{"+b.String()[1:]+"}")
			})
			p := rosterSetup{component: "speed", api: kind == lab.Ejabberd, more: "refresh_on_login: false"}.keeper(t, s, app)
			round := func(result string) float64 {
				t.Helper()
				began := time.Now()
				r, err := p.call("POST", "/roster_admin/refresh", rosterToken, asJSON, jsonNames(users))
				took := time.Since(began)
				if err != nil || r.body != fmt.Sprintf(`{"status":"ok","message":"roster update complete","updated":%d,"errors":0}`+"\n", many) {
					t.Fatalf("%s: %.300s %v", result, r.body, err)
				}
				return many / took.Seconds()
			}
			first := round("applied")
			var same, changed []float64
			for range rounds {
				same = append(same, round("unchanged"))
				version.Add(1)
				changed = append(changed, round("applied"))
			}
			t.Logf("%s: rosters of %d contacts, medians of %d: unchanged %.0f users/s; %d renamed %.0f users/s; all added %.0f users/s",
				kind, contacts, rounds, median(same), changes, median(changed), first)
		})
	}
}
