//go:build integration

package faults

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// The disk fills up at full speed, with writes to the store under way in numbers: each
// message is answered by the bot or refused with an error of type wait, none
// both or neither; and when there is room again the service goes on by itself.
func TestQueueDiskFullAtSpeed(t *testing.T) {
	besideOthers(t)
	rounds, each := 1, 400
	if harness.FullFaults() {
		rounds, each = 5, 20_000
		harness.WithoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b, dir := load.NewTally(t), harness.SmallDisk(t, "128m")
	file := load.QueueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", filepath.Join(dir, "store"), load.QueueEndpoint{Name: "echo", To: "*", Bot: b, Schedule: load.ManySteps})
	p := harness.LaunchLinked(t, file)
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
		before := len(load.ErrorsSent(t, srv))
		c.Pace(t, 10)
		if now := len(load.ErrorsSent(t, srv)); now > before {
			t.Errorf("%d senders get errors though there is room", now-before)
		}
		t.Logf("round %d: %d sent, %d accepted, %d refused with an error", round, len(c.Sent), b.Accepted(), len(load.ErrorsSent(t, srv)))
	}
	p.StopWell()
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
