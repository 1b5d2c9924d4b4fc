//go:build integration

package faults

import (
	"context"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The disk fills up while users write: each message is answered by the bot, or
// by an error that says to come again; what waited in the queue is delivered;
// and when there is room again the service goes on by itself.
func TestQueueDiskFull(t *testing.T) {
	rounds, waiting := 1, 100
	if harness.FullFaults() {
		rounds, waiting = 5, 2_000
	}
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		b, dir := load.NewTally(t), harness.SmallDisk(t, "128m")
		b.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
		file := load.QueueConfig(t, s.ComponentAddr(), "kill.localhost", harness.Secret, filepath.Join(dir, "store"), load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Schedule: load.ManySteps})
		p := load.StartLinked(t, file)
		talkers := []*load.Talker{load.NewTalker(t, s, "dave", "echo@kill.localhost"), load.NewTalker(t, s, "erin", "echo@kill.localhost")}
		for round := range rounds {
			for _, k := range talkers {
				k.Say(waiting)
				k.Read()
			}
			ctx, cancel := context.WithCancel(t.Context())
			var writing sync.WaitGroup
			for _, k := range talkers {
				writing.Go(func() {
					tick := time.NewTicker(2 * time.Millisecond)
					defer tick.Stop()
					for ctx.Err() == nil {
						<-tick.C
						if err := k.TrySay(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			free := harness.FillDisk(t, dir)
			p.AwaitNotReady("disk")
			if round%2 == 1 {
				b.AnswerWith(nil) // what is in the queue is delivered while the disk is full
			}
			for _, k := range talkers {
				_, before := k.Counts()
				harness.Eventually(t, k.Name+" gets errors", func() bool { _, n := k.Counts(); return n >= before+50 })
			}
			free()
			p.AwaitReady()
			cancel()
			writing.Wait()
			b.AnswerWith(nil)
			for _, k := range talkers {
				k.Settled()
				echoes, errors := k.Counts()
				if errors == 0 || echoes == 0 {
					t.Errorf("%s: %d answers, %d errors", k.Name, echoes, errors)
				}
				t.Logf("round %d: %s has written %d messages, %d were answered by the bot, %d with an error", round, k.Name, k.Sent, echoes, errors)
			}
			for _, k := range talkers { // it takes messages again
				_, before := k.Counts()
				k.Say(5)
				k.Settled()
				if _, now := k.Counts(); now > before {
					t.Errorf("%s gets errors though there is room", k.Name)
				}
			}
			b.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
		}
		if n := p.Connects(); n != 1 {
			t.Errorf("it connected %d times", n)
		}
		if code := p.Stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if left := load.StoredEvents(t, filepath.Join(dir, "store"), "echo"); len(left) > 0 {
			t.Errorf("%d events are still in the store", len(left))
		}
		b.Complete(func(user string) int {
			for _, k := range talkers {
				if k.Name == user {
					echoes, _ := k.Counts()
					return echoes
				}
			}
			return 0
		}, false)
		load.BalanceOf(b, talkers...).Close(t)
	})
}

// The same at full speed, where writes to the store are under way in numbers
// when the disk fills up: each message is answered by the bot or refused with an
// error, none both or neither.
func TestQueueDiskFullAtSpeed(t *testing.T) {
	rounds, each := 1, 1_500
	if harness.FullFaults() {
		rounds, each = 5, 20_000
		harness.WithoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b, dir := load.NewTally(t), harness.SmallDisk(t, "128m")
	file := load.QueueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", filepath.Join(dir, "store"), load.QueueEndpoint{Name: "echo", To: "*", Bot: b, Schedule: load.ManySteps})
	p := load.StartLinked(t, file)
	c := load.NewCrowd(srv, b, "user", "echo@bot.example.com", 500)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var sender sync.WaitGroup
		sender.Go(func() { c.Run(ctx, 0, 4000) })
		awaitCount(t, b.Accepted, b.Accepted()+each)
		refused := len(load.ErrorsSent(t, srv))
		free := harness.FillDisk(t, dir)
		p.AwaitNotReady("disk")
		harness.Eventually(t, "senders get errors", func() bool { return len(load.ErrorsSent(t, srv)) > refused })
		cancel()
		sender.Wait()
		free()
		p.AwaitReady()
		load.AwaitAccepted(t, func() int { return b.Accepted() + len(load.ErrorsSent(t, srv)) }, len(c.Sent))
		c.Gone = len(c.Sent) - b.Accepted()
		t.Logf("round %d: %d sent, %d accepted, %d refused with an error", round, len(c.Sent), b.Accepted(), len(load.ErrorsSent(t, srv)))
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := load.StoredEvents(t, filepath.Join(dir, "store"), "echo"); len(left) > 0 {
		t.Errorf("%d events are still in the store", len(left))
	}
	refused := load.ErrorsSent(t, srv)
	for text := range refused {
		if b.Has(text) {
			t.Errorf("%s was accepted, and its sender got an error", text)
		}
	}
	replies := answersSent(t, srv)
	for _, s := range c.Sent {
		if !refused[s.Text] && replies[s.Text] == "" {
			t.Errorf("%s has neither an answer nor an error", s.Text)
		}
	}
	b.Complete(func(user string) int { return c.SentBy(user) - refusedOf(refused, user) }, false)
	load.Balance{Way: load.FromUsers, Sent: len(c.Sent), Delivered: b.Accepted(), Answered: len(replies), Bounced: len(refused)}.Close(t)
}
