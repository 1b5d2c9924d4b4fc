//go:build integration

package faults

import (
	"net/http"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// One user writes as fast as he can to a bot that takes its time, many write at
// once, and callers are over their rate. Others are served meanwhile; who is over
// a bound is told so; what was taken is delivered, in order.
func TestFaultsFloods(t *testing.T) {
	flood, few := 800, 25
	if harness.FullFaults() {
		flood, few = 15_000, 500 // more than one conversation may have waiting
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := load.NewTally(t)
		b.AnswerWith(func(user string, _ http.ResponseWriter, r *http.Request) bool {
			if user == "mallory" {
				time.Sleep(time.Millisecond) // as long as it takes to think
			}
			return true
		})
		c := load.TrafficConfig(s, "flood", b.URL())
		c.PerSecond = 20
		p := harness.LaunchConnected(t, c)
		tr := load.StartTraffic(t, s, p, b, load.Dense, "echo@flood.localhost")
		var crowd []*load.Talker
		for _, name := range []string{"erin", "frank", "grace", "heidi", "ivan", "judy", "olivia", "peggy"} {
			crowd = append(crowd, load.NewTalker(t, s, name, "echo@flood.localhost"))
		}
		mallory := load.NewTalker(t, s, "mallory", "echo@flood.localhost")
		mallory.Say(flood)
		for range few {
			for _, k := range crowd {
				k.Say(1)
			}
		}
		tr.Flows() // while mallory waits
		echoes, errors := mallory.Counts()
		t.Logf("when all the others had been served, %d messages of the one who floods were answered, %d refused", echoes, errors)
		users, callers := tr.Finish()
		for _, k := range append(crowd, mallory) {
			k.Settled()
			if _, errors := k.Counts(); errors > 0 && k != mallory {
				t.Errorf("%s got %d errors", k.Name, errors)
			}
		}
		all := load.BalanceOf(b, append(crowd, mallory)...)
		users.Delivered = all.Delivered
		users.Sent += all.Sent
		users.Answered += all.Answered
		users.Bounced += all.Bounced
		if callers.Bounced == 0 {
			t.Error("no caller was over the rate")
		}
		if n := p.Connects(); n != 1 {
			t.Errorf("%d connections", n)
		}
		users.Close(t)
		callers.Close(t)
	})
}
