//go:build integration

package attack

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"stanzahook/deploy/lab/harness"
)

// Addresses for tools are open to everybody who can reach the listener.
func hookAttacks() []attack {
	crowd := 1500 // more than may wait
	if !fullAttacks() {
		crowd = 150 // a program with the race detector, beside other tests, has enough to do with the connections
	}
	return []attack{
		wrongSecrets("wrong secrets", 16, attackTime(), ""),
		besideNeighbour(wrongSecrets("crowd of wrong secrets", crowd, crowdTime(), ""), crowd),
		wrongSecrets("wrong signatures", 16, attackTime(), "X-Hub-Signature-256: sha256="+strings.Repeat("0", 64)+"\r\n"),
	}
}

// crowdTime is how long a crowd stays: when all of them connect at once the machine has enough to do
// for a fifth of a second, whoever they come to.
func crowdTime() time.Duration { return 3 * attackTime() }

// besideNeighbour is an attack beside which as many attack a neighbour.
func besideNeighbour(a attack, connections int) attack {
	neighbour := ""
	a.beside = func(ctx context.Context, st *stage) {
		if neighbour == "" {
			neighbour = startNeighbour(st.t)
		}
		x := attacker{Addr: neighbour, Connections: connections, For: crowdTime(), Body: strings.Repeat("x", 1000), Paths: []string{"/"}}
		p, err := x.run(ctx)
		if err != nil {
			st.t.Errorf("the attacker of the neighbour: %v", err)
		}
		st.t.Logf("%d connections to the neighbour in %v: %+v", connections, x.For, p)
	}
	return a
}

// Requests with wrong secrets, for hooks that there are and others, hold up neither the hook
// nor anybody else, and count for no hook. The victim posts to the hook with its secret.
func wrongSecrets(name string, connections int, lasts time.Duration, header string) attack {
	var mu sync.Mutex
	refused, other := 0, 0
	return attack{
		name: name,
		set: func(st *stage) {
			st.more = fmt.Sprintf(`hooks: [{name: alerts, adapter: text, secret_hash: %q, from: "echo@%s", to: [bob@localhost]}]`, harness.HashOf("s3cret"), st.domain)
			st.post = func(ctx context.Context, text string) (*http.Request, error) {
				return http.NewRequestWithContext(ctx, http.MethodPost, "http://"+st.program.Addr+"/hooks/alerts/s3cret", strings.NewReader(text))
			}
		},
		strike: func(ctx context.Context, st *stage) {
			a := attacker{Addr: st.program.Addr, Header: header, Connections: connections, For: lasts, Body: strings.Repeat("x", 1000),
				Paths: []string{"/hooks/alerts/wrong", "/hooks/alerts", "/hooks/nope/wrong", "/hooks/wrong", "/services/T0/B0/wrong", "/api/chat.postMessage", "/hooks/alerts/message?token=wrong"}}
			p, err := a.run(ctx)
			if err != nil {
				st.t.Errorf("the attacker: %v", err)
				return
			}
			st.t.Logf("%d connections in %v: %+v", connections, a.For, p)
			mu.Lock()
			defer mu.Unlock()
			for status, n := range p.Statuses {
				if status == http.StatusUnauthorized {
					refused += n
				} else {
					other += n
				}
			}
		},
		holds: func(st *stage) {
			if refused == 0 || other > 0 {
				st.t.Errorf("%d requests were refused, and %d were answered otherwise", refused, other)
			}
			if status, _, body := st.call("GET", "/v1/hooks/alerts", "admin", ""); status != http.StatusOK || !strings.Contains(body, `"failed":0`) {
				st.t.Errorf("the hook: %d %s", status, body)
			}
		},
	}
}
