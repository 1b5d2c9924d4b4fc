//go:build integration

package main

import (
	"net/http"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// One user writes as fast as he can to a bot that takes its time, many write at
// once, and callers are over their rate. Others are served meanwhile; who is over
// a bound is told so; what was taken is delivered, in order.
func TestFaultsFloods(t *testing.T) {
	flood, few := 800, 25
	if fullFaults() {
		flood, few = 15_000, 500 // more than one conversation may have waiting
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newTally(t)
		b.do(func(user string, _ http.ResponseWriter, r *http.Request) bool {
			if user == "mallory" {
				time.Sleep(time.Millisecond) // as long as it takes to think
			}
			return true
		})
		c := trafficConfig(s, "flood", b.url())
		c.PerSecond = 20
		p := linked(t, c)
		tr := startTraffic(t, s, p, b, "echo@flood.localhost")
		var crowd []*talker
		for _, name := range []string{"erin", "frank", "grace", "heidi", "ivan", "judy", "olivia", "peggy"} {
			crowd = append(crowd, newTalker(t, s, name, "echo@flood.localhost"))
		}
		mallory := newTalker(t, s, "mallory", "echo@flood.localhost")
		mallory.say(flood)
		for range few {
			for _, k := range crowd {
				k.say(1)
			}
		}
		tr.flows() // while mallory waits
		echoes, errors := mallory.counts()
		t.Logf("when all the others had been served, %d messages of the one who floods were answered, %d refused", echoes, errors)
		users, callers := tr.finish()
		for _, k := range append(crowd, mallory) {
			k.settled()
			if _, errors := k.counts(); errors > 0 && k != mallory {
				t.Errorf("%s got %d errors", k.name, errors)
			}
		}
		all := balanceOf(b, append(crowd, mallory)...)
		users.Delivered = all.Delivered
		users.Sent += all.Sent
		users.Answered += all.Answered
		users.Bounced += all.Bounced
		if callers.Bounced == 0 {
			t.Error("no caller was over the rate")
		}
		if n := p.connects(); n != 1 {
			t.Errorf("%d connections", n)
		}
		users.close(t)
		callers.close(t)
	})
}
