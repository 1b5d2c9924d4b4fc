//go:build integration

package faults

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// What the store had taken is delivered after kill -9: all of it, in order, and
// what comes twice has the same webhook-id.
func TestKillWithFullQueue(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		const each = 300
		b := harness.NewBot(t)
		b.AnswerWith(func(h *harness.Hook) (int, string, string) {
			if h.To == "mark@kill.localhost" {
				return harness.EchoAnswer(h)
			}
			return harness.BusyAnswer(h)
		})
		dir, c := t.TempDir(), harness.OneComponent(s, "kill", b)
		p := harness.LaunchIn(t, dir, c)
		p.AwaitLinks(1)
		users := []harness.User{harness.Login(t, s, "dave"), harness.Login(t, s, "erin")}
		for i := range each {
			for _, u := range users {
				u.Send("%s", harness.NumberedMessage("echo@kill.localhost", i))
			}
		}
		// The first of each conversation is not counted: it is being retried.
		harness.Eventually(t, "all of them are stored", func() bool { return p.Stored("echo") == 2*each-len(users) })
		for _, kill := range []int{0, each / 2, each} {
			harness.Eventually(t, fmt.Sprintf("%d messages are delivered", kill), func() bool { return delivered(b, "echo@kill.localhost") >= kill })
			p.Kill()
			b.AnswerWith(nil)
			p = harness.LaunchIn(t, dir, c)
		}
		harness.Eventually(t, "all messages are delivered", func() bool { return delivered(b, "echo@kill.localhost") >= 2*each })
		checkDeliveries(t, b, users, each)
		for _, u := range users {
			harness.AwaitEchoes(u, each)
		}
	})
}

// delivered counts the messages to an address that the bot has accepted, each once.
func delivered(b *harness.Bot, to string) int {
	seen := make(map[string]bool)
	for _, h := range b.Got() {
		if h.Status == http.StatusOK && h.To == to {
			seen[h.From+" "+h.Body] = true
		}
	}
	return len(seen)
}

// checkDeliveries checks that the bot accepted every message, the first time in
// order, and again only under the same webhook-id.
func checkDeliveries(t *testing.T, b *harness.Bot, users []harness.User, each int) {
	t.Helper()
	again := 0
	for _, u := range users {
		ids := make(map[string]string)
		next := 0
		for _, h := range b.Got() {
			if h.Status != http.StatusOK || h.From != u.JID() || h.To != "echo@kill.localhost" {
				continue
			}
			if id, seen := ids[h.Body]; seen {
				again++
				if id != h.ID {
					t.Errorf("%s: message %s came as %s and as %s", u.JID(), h.Body, id, h.ID)
				}
				continue
			}
			ids[h.Body] = h.ID
			if h.Body != strconv.Itoa(next) {
				t.Fatalf("%s: message %s came where %d should", u.JID(), h.Body, next)
			}
			next++
		}
		if next != each {
			t.Errorf("%s: %d of %d messages were delivered", u.JID(), next, each)
		}
	}
	t.Logf("%d deliveries came again", again)
}

// While clients go on writing, every message is answered, or bounced by the
// server because there was no connection, or was sent in the very moment of a
// kill.
func TestKillUnderLoad(t *testing.T) {
	harness.OnSharedServers(t, func(t *testing.T, s *lab.Server) {
		const each = 300
		b := harness.NewBot(t)
		dir, c := t.TempDir(), harness.OneComponent(s, "load", b)
		p := harness.LaunchIn(t, dir, c)
		p.AwaitLinks(1)
		users := []harness.User{harness.Login(t, s, "frank"), harness.Login(t, s, "grace")}
		sent := make([][]time.Time, len(users))
		finished := make(chan int, len(users))
		for n, u := range users {
			sent[n] = make([]time.Time, each)
			go func() {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for i := range each {
					<-tick.C
					sent[n][i] = time.Now()
					if err := u.SendRaw(harness.NumberedMessage("echo@load.localhost", i)); err != nil {
						t.Error(err)
						break
					}
				}
				finished <- n
			}()
		}
		var kills []load.Killing
		for range 3 {
			before := len(b.Got())
			harness.Eventually(t, "messages flow", func() bool { return len(b.Got()) >= before+40 })
			k := load.Killing{Begin: time.Now()}
			p.Kill()
			k.End = time.Now()
			kills = append(kills, k)
			p = harness.LaunchIn(t, dir, c)
			p.AwaitLinks(1)
		}
		for range users {
			<-finished
		}
		a := load.Balance{Way: load.FromUsers, Sent: len(users) * (each + 1), Answered: len(users)} // the last ones
		for n, u := range users {
			// Behind everything else in each of the two conversations.
			last := u.Echo("echo@load.localhost", "last")
			answers := load.Collect(u, last)
			a.Delivered = delivered(b, "echo@load.localhost")
			farthest := time.Duration(0)
			for i, at := range sent[n] {
				if !a.Settles(answers, strconv.Itoa(i), load.LostUnstored) {
					continue
				}
				d := load.Distance(at, kills)
				farthest = max(farthest, d)
				if d > load.LastMoment {
					t.Errorf("%s: message %d has no answer; it was sent %v away from a kill", u.JID(), i, d)
				}
			}
			t.Logf("%s: what was lost with a kill was sent at most %v away from it", u.JID(), farthest)
		}
		a.Close(t)
	})
}
