//go:build integration

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab"
)

// smallDisk mounts a file system of its own. It needs the right to mount.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("this test needs a small file system, and mounting one failed (%v); run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk takes all the space that is left, and returns how to give it back.
func fillDisk(t *testing.T, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var at int64
	for size := int64(1 << 30); size >= 4096; size /= 2 {
		for syscall.Fallocate(int(f.Fd()), 0, at, size) == nil {
			at += size
		}
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// The disk fills up while users write: each message is answered by the bot, or
// by an error that says to come again; what waited in the queue is delivered;
// and when there is room again the service goes on by itself.
func TestQueueDiskFull(t *testing.T) {
	rounds, waiting := 1, 100
	if fullFaults() {
		rounds, waiting = 5, 2_000
	}
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b, dir := newTally(t), smallDisk(t, "128m")
		b.do(answerStatus(http.StatusServiceUnavailable))
		file := queueConfig(t, s.ComponentAddr(), "kill.localhost", testSecret, filepath.Join(dir, "store"), queueEndpoint{name: "echo", to: "echo@*", bot: b, schedule: manySteps})
		p := startLinked(t, file)
		talkers := []*talker{newTalker(t, s, "dave", "echo@kill.localhost"), newTalker(t, s, "erin", "echo@kill.localhost")}
		for round := range rounds {
			for _, k := range talkers {
				k.say(waiting)
				k.read()
			}
			ctx, cancel := context.WithCancel(t.Context())
			var writing sync.WaitGroup
			for _, k := range talkers {
				writing.Go(func() {
					tick := time.NewTicker(2 * time.Millisecond)
					defer tick.Stop()
					for ctx.Err() == nil {
						<-tick.C
						if err := k.trySay(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			free := fillDisk(t, dir)
			p.awaitNotReady("disk")
			if round%2 == 1 {
				b.do(nil) // what is in the queue is delivered while the disk is full
			}
			for _, k := range talkers {
				_, before := k.counts()
				eventually(t, k.name+" gets errors", func() bool { _, n := k.counts(); return n >= before+50 })
			}
			free()
			p.awaitReady()
			cancel()
			writing.Wait()
			b.do(nil)
			for _, k := range talkers {
				k.settled()
				echoes, errors := k.counts()
				if errors == 0 || echoes == 0 {
					t.Errorf("%s: %d answers, %d errors", k.name, echoes, errors)
				}
				t.Logf("round %d: %s has written %d messages, %d were answered by the bot, %d with an error", round, k.name, k.sent, echoes, errors)
			}
			for _, k := range talkers { // it takes messages again
				_, before := k.counts()
				k.say(5)
				k.settled()
				if _, now := k.counts(); now > before {
					t.Errorf("%s gets errors though there is room", k.name)
				}
			}
			b.do(answerStatus(http.StatusServiceUnavailable))
		}
		if n := p.connects(); n != 1 {
			t.Errorf("it connected %d times", n)
		}
		if code := p.stop(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if left := eventsIn(t, filepath.Join(dir, "store"), "echo"); len(left) > 0 {
			t.Errorf("%d events are still in the store", len(left))
		}
		b.complete(func(user string) int {
			for _, k := range talkers {
				if k.name == user {
					echoes, _ := k.counts()
					return echoes
				}
			}
			return 0
		}, false)
		balanceOf(b, talkers...).close(t)
	})
}

// The same at full speed, where writes to the store are under way in numbers
// when the disk fills up: each message is answered by the bot or refused with an
// error, none both or neither.
func TestQueueDiskFullAtSpeed(t *testing.T) {
	rounds, each := 1, 1_500
	if fullFaults() {
		rounds, each = 5, 20_000
		withoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b, dir := newTally(t), smallDisk(t, "128m")
	file := queueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", filepath.Join(dir, "store"), queueEndpoint{name: "echo", to: "*", bot: b, schedule: manySteps})
	p := startLinked(t, file)
	c := newCrowd(srv, b, "user", "echo@bot.example.com", 500)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var sender sync.WaitGroup
		sender.Go(func() { c.run(ctx, 0, 4000) })
		awaitCount(t, b.accepted, b.accepted()+each)
		refused := len(errorsSent(t, srv))
		free := fillDisk(t, dir)
		p.awaitNotReady("disk")
		eventually(t, "senders get errors", func() bool { return len(errorsSent(t, srv)) > refused })
		cancel()
		sender.Wait()
		free()
		p.awaitReady()
		awaitAccepted(t, func() int { return b.accepted() + len(errorsSent(t, srv)) }, len(c.sent))
		c.gone = len(c.sent) - b.accepted()
		t.Logf("round %d: %d sent, %d accepted, %d refused with an error", round, len(c.sent), b.accepted(), len(errorsSent(t, srv)))
	}
	if code := p.stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := eventsIn(t, filepath.Join(dir, "store"), "echo"); len(left) > 0 {
		t.Errorf("%d events are still in the store", len(left))
	}
	refused := errorsSent(t, srv)
	for text := range refused {
		if b.has(text) {
			t.Errorf("%s was accepted, and its sender got an error", text)
		}
	}
	replies := answersSent(t, srv)
	for _, s := range c.sent {
		if !refused[s.text] && replies[s.text] == "" {
			t.Errorf("%s has neither an answer nor an error", s.text)
		}
	}
	b.complete(func(user string) int { return c.sentBy(user) - refusedOf(refused, user) }, false)
	balance{Way: fromUsers, Sent: len(c.sent), Delivered: b.accepted(), Answered: len(replies), Bounced: len(refused)}.close(t)
}
