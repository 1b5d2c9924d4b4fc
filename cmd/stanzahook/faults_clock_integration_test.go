//go:build integration

package main

import (
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// The wall clock jumps, forth and back, while messages flow, while they wait for
// the bot and for the server, and over a restart. Nothing is lost, and order stays.
// What is too old by the new clock is given up, and everybody is told.
func TestFaultsClock(t *testing.T) {
	jumps := []time.Duration{-2 * time.Hour}
	if fullFaults() {
		jumps = append(jumps, 2*time.Hour, 23*time.Hour, time.Second, -time.Minute, -23*time.Hour, 0, 5*time.Minute, -5*time.Minute)
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b, way, dir := newTally(t), newRelay(t, s.ComponentAddr()), t.TempDir()
		c := trafficConfig(s, "clock", b.url())
		c.Components[0].Server, c.Components[0].Keepalive = way.addr(), "2s"
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		clock := takeClock(t, p)
		// The connection dies, and nobody says so; that is noticed though the clock is
		// behind what it was when the server was heard last.
		p.awaitReady()
		way.silence(true)
		clock.set(-2 * time.Hour)
		p.awaitNotReady("not sent anything")
		clock.set(0)
		way.cut()
		way.silence(false)
		p.awaitLinks(2)
		tr := startTraffic(t, s, p, b, "echo@clock.localhost")
		set := func(d time.Duration) {
			clock.set(d)
			awaitClock(p, d)
		}
		for _, d := range jumps {
			tr.during("the clock is set to "+d.String(), "", "", func() { set(d) })
			set(0)
			tr.during("and again while the bot is away", "", "", func() {
				b.close()
				awaitSaid(tr, 10)
				set(d)
				awaitSaid(tr, 10)
				b.open()
			})
			set(0)
			tr.during("and while the server is away", lostOnTheWay, "", func() {
				n := p.connects()
				way.shut.Store(true)
				way.cut()
				p.awaitNotReady("clock.localhost")
				set(d)
				way.shut.Store(false)
				p.awaitLinks(n + 1)
			})
			tr.during("and while we are killed", lostUnstored, "", func() {
				b.close()
				awaitSaid(tr, 100)
				tr.kill() // with the next start the clock is right again
				p = launchIn(t, dir, c)
				clock = takeClock(t, p)
				tr.runs(p)
				b.open()
				p.awaitLinks(1)
			})
		}
		for _, k := range tr.people {
			for n, condition := range k.conditions() {
				if condition == "recipient-unavailable" {
					t.Errorf("message %d of %s has expired", n, k.name)
				}
			}
		}
		tr.during("the clock is set to a year ago", "", "", func() { set(-365 * 24 * time.Hour) })
		set(0)
		tr.during("the clock is set to the day after tomorrow while the bot is away", "", "", func() {
			b.close()
			awaitSaid(tr, 20)
			set(48 * time.Hour)
			b.open()
		})
		set(0)
		users, callers := tr.finish()
		expired := 0
		for _, k := range tr.people {
			for _, condition := range k.conditions() {
				if condition == "recipient-unavailable" {
					expired++
				}
			}
		}
		if expired == 0 || expired != users.Dead {
			t.Errorf("%d messages have expired, and there are %d dead letters", expired, users.Dead)
		}
		users.close(t)
		callers.close(t)
	})
}
