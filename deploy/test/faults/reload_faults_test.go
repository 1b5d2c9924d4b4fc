//go:build integration

package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// kill -9 in the middle of a reload that changes, adds or removes endpoints: the next
// process works by the new file, and what waited is delivered, in order.
func TestKillInReload(t *testing.T) {
	besideOthers(t)
	srv := componenttest.NewServer(t, "bot.example.com", harness.Secret)
	b, dir := load.NewTally(t), t.TempDir()
	b.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
	write := configFile(t, srv, dir)
	echo := load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Schedule: load.ManySteps}
	changed := load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Schedule: slices.Repeat(load.ManySteps, 2)}
	other := load.QueueEndpoint{Name: "other", To: "other@*", Bot: b, Schedule: load.ManySteps}
	p := harness.LaunchLinked(t, write(echo))
	c := load.NewCrowd(srv, b, "user", "echo@bot.example.com", 20)
	const n = 200
	for i := range n {
		require.NoError(t, c.Put(i%20))
	}
	p.AwaitStored("echo", n)

	rounds := [][]load.QueueEndpoint{{changed}, {echo, other}, {other}, {echo}}
	if harness.FullFaults() {
		rounds = append(rounds, [][]load.QueueEndpoint{{other}, {changed, other}, {echo}, {other}, {echo}}...)
	}
	for round, endpoints := range rounds {
		file := write(endpoints...)
		require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
		time.Sleep(time.Duration(round%5) * time.Millisecond) // until somewhere in the middle
		p.Kill()
		p = harness.LaunchLinked(t, file)
	}
	if got := p.Queued("echo"); got != n {
		t.Errorf("%d of %d events are still there", got, n)
	}
	b.AnswerWith(nil)
	load.AwaitAccepted(t, b.Accepted, n)
	b.Complete(c.SentBy, false)
	p.StopWell()
}

// configFile returns what writes one and the same configuration file, with other
// endpoints each time, for a store in a directory.
func configFile(t *testing.T, srv *componenttest.Server, dir string) func(endpoints ...load.QueueEndpoint) string {
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	return func(endpoints ...load.QueueEndpoint) string {
		t.Helper()
		require.NoError(t, os.Rename(load.QueueConfig(t, srv.Addr(), "bot.example.com", harness.Secret, filepath.Join(dir, "store"), endpoints...), file))
		return file
	}
}

// A reload while the disk is full adds, changes and removes endpoints: that needs no room.
// What is in the queues is delivered when there is room.
func TestReloadOnAFullDisk(t *testing.T) {
	besideOthers(t)
	srv := componenttest.NewServer(t, "bot.example.com", harness.Secret)
	b, added, back, dir := load.NewTally(t), load.NewTally(t), load.NewTally(t), harness.SmallDisk(t, "64m")
	b.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
	back.AnswerWith(load.AnswerStatus(http.StatusServiceUnavailable))
	write := configFile(t, srv, dir)
	echo := load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Schedule: load.ManySteps}
	changed := load.QueueEndpoint{Name: "echo", To: "echo@*", Bot: b, Schedule: slices.Repeat(load.ManySteps, 2)}
	other := load.QueueEndpoint{Name: "other", To: "other@*", Bot: added, Schedule: load.ManySteps}
	removed := load.QueueEndpoint{Name: "removed", To: "removed@*", Bot: back, Schedule: load.ManySteps}
	p := harness.LaunchLinked(t, write(echo, removed))
	crowds := []*load.Crowd{load.NewCrowd(srv, b, "user", "echo@bot.example.com", 10), load.NewCrowd(srv, back, "more", "removed@bot.example.com", 10), load.NewCrowd(srv, added, "else", "other@bot.example.com", 10)}
	const n = 100
	put := func(c *load.Crowd) {
		t.Helper()
		for i := range n {
			require.NoError(t, c.Put(i%10))
		}
	}
	put(crowds[0])
	put(crowds[1])
	p.AwaitStored("echo", n)
	p.AwaitStored("removed", n)
	reload := func(endpoints ...load.QueueEndpoint) string {
		t.Helper()
		write(endpoints...)
		count := func() (int, string) {
			times, last := 0, ""
			for _, e := range p.Log.Entries() {
				if strings.HasPrefix(e.Msg, "configuration re") {
					times, last = times+1, e.Msg
				}
			}
			return times, last
		}
		before, _ := count()
		require.NoError(t, p.Cmd.Process.Signal(syscall.SIGHUP))
		harness.Eventually(t, "the reload is over", func() bool { now, _ := count(); return now > before })
		_, said := count()
		t.Log(said)
		return said
	}

	reload(echo) // the events of the other wait for its return
	free := harness.FillDisk(t, dir)
	p.AwaitNotReady("disk")
	if said := reload(changed); !strings.Contains(said, "reloaded") {
		t.Errorf("a reload that needs no room: %s", said)
	}
	for range 2 {
		for _, said := range []string{reload(echo, removed, other), reload(other, removed)} {
			if !strings.Contains(said, "reloaded") {
				t.Errorf("a reload that adds and removes endpoints: %s", said)
			}
		}
	}
	reload(changed)
	asked := back.Requests.Load()
	free()
	p.AwaitReady()
	if now := back.Requests.Load(); now != asked {
		t.Errorf("an endpoint that is not in the configuration was asked %d times", now-asked)
	}
	if said := reload(echo, removed, other); !strings.Contains(said, "reloaded") {
		t.Errorf("a reload when there is room: %s", said)
	}
	put(crowds[2])
	b.AnswerWith(nil)
	back.AnswerWith(nil)
	load.AwaitAccepted(t, func() int { return b.Accepted() + back.Accepted() + added.Accepted() }, 3*n)
	for _, c := range crowds {
		c.Bot.Complete(c.SentBy, true)
	}
	if len(load.ErrorsSent(t, srv)) > 0 {
		t.Errorf("%d senders got errors", len(load.ErrorsSent(t, srv)))
	}
	p.StopWell()
}
