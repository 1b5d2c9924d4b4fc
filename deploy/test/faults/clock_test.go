//go:build integration

package faults

import (
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The wall clock jumps, forth and back, while messages flow, while they wait for
// the bot and for the server, and over a restart. Nothing is lost, and order stays.
// What is too old by the new clock is given up, and everybody is told.
func TestFaultsClock(t *testing.T) {
	jumps := []time.Duration{-2 * time.Hour}
	if harness.FullFaults() {
		jumps = append(jumps, 2*time.Hour, 23*time.Hour, time.Second, -time.Minute, -23*time.Hour, 0, 5*time.Minute, -5*time.Minute)
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b, way, dir := load.NewTally(t), harness.NewRelay(t, s.ComponentAddr()), t.TempDir()
		c := load.TrafficConfig(s, "clock", b.URL())
		c.Components[0].Server, c.Components[0].Keepalive = way.Addr(), "2s"
		p := harness.LaunchLinked(t, c.Write(t, dir))
		clock := takeClock(t, p)
		// The connection dies, and nobody says so; that is noticed though the clock is
		// behind what it was when the server was heard last.
		p.AwaitReady()
		way.Silence(true)
		clock.set(-2 * time.Hour)
		p.AwaitNotReady("not sent anything")
		clock.set(0)
		way.Cut()
		way.Silence(false)
		p.AwaitLinks(2)
		tr := load.StartTraffic(t, s, p, b, load.Dense, "echo@clock.localhost")
		set := func(d time.Duration) {
			clock.set(d)
			awaitClock(p, d)
		}
		for _, d := range jumps {
			tr.During("the clock is set to "+d.String(), "", "", func() { set(d) })
			set(0)
			tr.During("and again while the bot is away", "", "", func() {
				b.Close()
				awaitSaid(tr, 10)
				set(d)
				awaitSaid(tr, 10)
				b.Open()
			})
			set(0)
			tr.During("and while the server is away", load.LostOnTheWay, "", func() {
				n := p.Connects()
				way.Shut.Store(true)
				way.Cut()
				p.AwaitNotReady("clock.localhost")
				set(d)
				way.Shut.Store(false)
				p.AwaitLinks(n + 1)
			})
			tr.During("and while we are killed", load.LostUnstored, "", func() {
				b.Close()
				awaitSaid(tr, 100)
				tr.Kill() // with the next start the clock is right again
				p = harness.LaunchIn(t, dir, c)
				clock = takeClock(t, p)
				tr.Runs(p)
				b.Open()
				p.AwaitLinks(1)
			})
		}
		for _, k := range tr.People {
			for n, condition := range k.Conditions() {
				if condition == "recipient-unavailable" {
					t.Errorf("message %d of %s has expired", n, k.Name)
				}
			}
		}
		tr.During("the clock is set to a year ago", "", "", func() { set(-365 * 24 * time.Hour) })
		set(0)
		tr.During("the clock is set to the day after tomorrow while the bot is away", "", "", func() {
			b.Close()
			awaitSaid(tr, 20)
			set(48 * time.Hour)
			b.Open()
		})
		set(0)
		users, callers := tr.Finish()
		expired := 0
		for _, k := range tr.People {
			for _, condition := range k.Conditions() {
				if condition == "recipient-unavailable" {
					expired++
				}
			}
		}
		if expired == 0 || expired != users.Dead {
			t.Errorf("%d messages have expired, and there are %d dead letters", expired, users.Dead)
		}
		users.Close(t)
		callers.Close(t)
	})
}
