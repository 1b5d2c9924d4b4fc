//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"stanzahook/deploy/lab/harness"
)

// mostHops is how many answers of our own bots follow one message.
const mostHops = 5

func chainAttacks() []attack { return []attack{loops()} }

// Bots that answer themselves, or each other, come to an end.
func loops() attack {
	return attack{
		name: "loops",
		set: func(st *stage) {
			st.addComponent(secondBot)
			st.endpoints = []string{fmt.Sprintf("{name: echo, url: %q}", st.bot.URL())}
		},
		strike: func(ctx context.Context, st *stage) {
			for _, pair := range loopPairs(st) {
				status, _, body := st.call("POST", "/v1/messages", "mallory", fmt.Sprintf(`{"from":%q,"to":%q,"body":"loop"}`, pair[0], pair[1]))
				if status != http.StatusAccepted {
					st.t.Errorf("%v: %d %s", pair, status, body)
				}
			}
			lastsUntil(ctx, 2*time.Second)
		},
		holds: func(st *stage) {
			counts := make(map[string]int)
			for _, h := range st.bot.Got() {
				if h.Body == "loop" {
					counts[harness.BareOf(h.To)+" "+harness.BareOf(h.From)]++
				}
			}
			for _, pair := range loopPairs(st) {
				n := counts[pair[1]+" "+pair[0]]
				if pair[0] != pair[1] {
					n += counts[pair[0]+" "+pair[1]]
				}
				if most := (mostHops + 1) * strikes(); n == 0 || n > most {
					st.t.Errorf("%v: the bot was asked %d times, at most %d are right", pair, n, most)
				}
			}
			loops := 0
			for reason, n := range st.deadReasons() {
				if strings.Contains(reason, "loop") {
					loops += n
				}
			}
			if want := len(loopPairs(st)) * strikes(); loops != want {
				st.t.Errorf("%d dead letters say loop, want %d: %v", loops, want, st.deadReasons())
			}
		},
	}
}

func loopPairs(st *stage) [][2]string {
	return [][2]string{{"self@" + st.domain, "self@" + st.domain}, {"ping@" + st.domain, "pong@" + st.domain}, {"far@" + st.domain, "far@" + secondBot}}
}
