//go:build integration

package faults

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The fault tests are small in "make test"; "make faults" sets the full size.
type faultSize struct{ messages, outages, kills int }

func sizeOfFaults() faultSize {
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		return faultSize{messages: 20_000, outages: 5, kills: 10}
	}
	return faultSize{messages: 1_500, outages: 2, kills: 3}
}

// Every message that got its 202 arrives, in order, though the server is
// stopped or killed again and again.
func TestPostsThroughOutages(t *testing.T) {
	size := sizeOfFaults()
	harness.OnServers(t, func(t *testing.T, kind lab.Kind) {
		s := harness.StartServer(t, harness.ServerOptions(kind, "faults"))
		b := harness.NewBot(t)
		b.AnswerWith(func(*harness.Hook) (int, string, string) { return http.StatusNoContent, "", "" })
		c := harness.OneComponent(s, "faults", b)
		way := harness.NewRelay(t, s.ComponentAddr())
		c.Components[0].Server = way.Addr()
		p := harness.Launch(t, c)
		p.AwaitLinks(1)
		boxes := make(map[string]*load.Mailbox)
		online := func() {
			for _, name := range load.FaultUsers {
				if boxes[name] == nil {
					boxes[name] = &load.Mailbox{}
				}
				go boxes[name].Read(t.Context(), harness.Login(t, s, name))
			}
		}
		online()
		all, total, stop := load.StartSeries(t, func() *harness.Program { return p })
		var kills []time.Time
		for n := range size.outages {
			target := size.messages * (n + 1) / (size.outages + 1)
			awaitCount(t, total, target)
			way.Shut.Store(true)
			var err error
			if n%2 == 0 {
				kills = append(kills, time.Now())
				err = s.Kill()
			} else {
				err = s.Stop(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			p.AwaitNotReady("faults.localhost")
			if err := s.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			online()
			way.Shut.Store(false)
			p.AwaitReady()
		}
		awaitCount(t, total, size.messages)
		stop()
		load.Finish(t, p, all, boxes, kills)
	})
}

// awaitCount waits until so many messages are taken, as long as it goes on.
func awaitCount(t *testing.T, total func() int, n int) {
	t.Helper()
	for before := -1; total() < n; {
		before = total()
		harness.Eventually(t, "messages are taken", func() bool { return total() > before })
	}
}

// kill -9 of stanzahook with load in both directions: what was answered with
// 202 arrives, and what was taken into the queue is answered.
func TestKillBothWays(t *testing.T) {
	size := sizeOfFaults()
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b := harness.NewBot(t)
		dir, c := t.TempDir(), harness.OneComponent(s, "both", b)
		var mu sync.Mutex
		p := harness.LaunchIn(t, dir, c)
		now := func() *harness.Program {
			mu.Lock()
			defer mu.Unlock()
			return p
		}
		p.AwaitLinks(1)
		boxes := make(map[string]*load.Mailbox)
		for _, name := range load.FaultUsers {
			boxes[name] = &load.Mailbox{}
			go boxes[name].Read(t.Context(), harness.Login(t, s, name))
		}
		talker := harness.Login(t, s, "trent")
		var times []time.Time
		ctx, quiet := context.WithCancel(t.Context())
		talked := make(chan struct{})
		go func() {
			defer close(talked)
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				times = append(times, time.Now())
				if err := talker.SendRaw(harness.NumberedMessage("echo@both.localhost", i)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		all, total, stop := load.StartSeries(t, now)
		var kills []load.Killing
		for range size.kills {
			took, got := total(), len(b.Got())
			harness.Eventually(t, "load in both directions", func() bool { return total() >= took+100 && len(b.Got()) >= got+50 })
			k := load.Killing{Begin: time.Now()}
			p.Kill()
			k.End = time.Now()
			kills = append(kills, k)
			next := harness.LaunchIn(t, dir, c)
			mu.Lock()
			p = next
			mu.Unlock()
			p.AwaitLinks(1)
		}
		quiet()
		<-talked
		stop()
		load.Finish(t, p, all, boxes, nil)

		last := talker.Echo("echo@both.localhost", "last")
		answers := load.Collect(talker, last)
		a := load.Balance{Way: load.FromUsers, Sent: len(times) + 1, Answered: 1, Delivered: delivered(b, "echo@both.localhost")}
		for i, at := range times {
			if !a.Settles(answers, strconv.Itoa(i), load.LostUnstored) {
				continue
			}
			if d := load.Distance(at, kills); d > load.LastMoment {
				t.Errorf("message %d of the user has no answer; it was sent %v away from a kill", i, d)
			}
		}
		a.Close(t)
	})
}
