//go:build integration

package attack

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

// attack is one way in which somebody who may write to a bot, or call the HTTP API, can
// try to harm others. A user and a caller go on meanwhile, and must not suffer.
type attack struct {
	name   string
	set    func(st *stage)                      // prepares the stage; the program does not run yet
	ready  func(st *stage)                      // right after its start
	before func(ctx context.Context, st *stage) // the attack begins while the victim is silent
	// beside is the same load on the machine and the server, by attackers of somebody else. The victim
	// under attack is compared with the victim beside that; nil: with one in peace.
	beside func(ctx context.Context, st *stage)
	strike func(ctx context.Context, st *stage) // the attack; it ends by itself, or with ctx
	holds  func(st *stage)                      // what must hold besides, after the last strike
}

// attacks lists all of them, a group for each subject.
func attacks() []attack {
	return slices.Concat(endpointAttacks(), chainAttacks(), streamAttacks(), requestAttacks(), accountAttacks(), webAttacks(), linkAttacks(), parserAttacks(), rosterAttacks(), shareAttacks(), roomAttacks(), hookAttacks())
}

// fullAttacks reports whether the attacks are to run in their full size: only then is
// there enough to compare latencies.
func fullAttacks() bool { return os.Getenv("STANZAHOOK_ATTACK") == "full" }

// domain is the component that an attack is directed at.
func (a attack) domain() string { return strings.ReplaceAll(a.name, " ", "-") + ".localhost" }

// Each attack runs on both servers, against the program as it is built.
func TestAttack(t *testing.T) {
	if fullAttacks() {
		harness.WithoutRace(t)
	}
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		all := attacks()
		s := harness.StartServer(t, attackServer(kind, all))
		for _, a := range all {
			t.Run(a.domain(), func(t *testing.T) { a.run(t, s) })
		}
	})
}

// attackTime is how long a phase lasts at least, and strikeTime how long an attack may
// take.
func attackTime() time.Duration {
	if fullAttacks() {
		return 5 * time.Second
	}
	return 500 * time.Millisecond
}

func strikeTime() time.Duration {
	if fullAttacks() {
		return time.Minute
	}
	return 15 * time.Second
}

// strikes is how often an attack is repeated.
func strikes() int {
	if fullAttacks() {
		return 3
	}
	return 1
}

func (a attack) run(t *testing.T, s *lab.Server) {
	st := newStage(t, s, a.domain())
	if a.set != nil {
		a.set(st)
	}
	st.start()
	if a.ready != nil {
		a.ready(st)
	}
	v := newVictim(st)
	var calm, harmed []score
	for range strikes() {
		calm = append(calm, v.during(func(ctx context.Context) {
			if a.beside != nil && fullAttacks() {
				a.beside(ctx, st)
			}
		}))
		v.adapt(calm[len(calm)-1])
		if a.before != nil {
			ctx, cancel := context.WithTimeout(t.Context(), strikeTime())
			a.before(ctx, st)
			cancel()
		}
		harmed = append(harmed, v.during(func(ctx context.Context) {
			if a.strike != nil {
				a.strike(ctx, st)
			}
		}))
	}
	compareScores(t, calm, harmed)
	v.unfooled()
	if a.holds != nil {
		a.holds(st)
	}
}
