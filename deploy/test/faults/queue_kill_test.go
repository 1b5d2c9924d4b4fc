//go:build integration

package faults

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
	"stanzahook/pkg/stanza"
)

// lateLoss bounds how long before a kill a message was sent that is lost with
// it. It is a wide bound, for slow machines: the sharp one is that the store had
// nothing that was sent later.
const lateLoss = 10 * time.Second

// crash is a kill under load, and what the store held after it.
type crash struct {
	at   time.Time
	from int // the first message that was sent to the process
	to   int // and behind the last
	held map[string]string
}

// kill -9 at full load, again and again: what the store held is delivered after
// the restart, all of it; what is lost was sent after everything that it held.
// The order of each conversation stays, repetitions have the same webhook-id,
// and what was stored is answered.
func TestQueueKillAtFullLoad(t *testing.T) { queueKills(t, 500, 0) }

// The same where many events of a conversation wait, and go in one request: each is
// answered and finished for itself.
func TestQueueKillWithBatches(t *testing.T) { queueKills(t, 20, 25) }

func queueKills(t *testing.T, users, batch int) {
	t.Helper()
	besideOthers(t)
	kills, each, window := 3, 250, 500
	if harness.FullFaults() {
		kills, each, window = 100, 2_000, 4000
		harness.WithoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b := load.NewTally(t)
	dir := t.TempDir()
	file := load.QueueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", dir, load.QueueEndpoint{Name: "echo", To: "*", Bot: b, Batch: batch})
	c := load.NewCrowd(srv, b, "user", "echo@bot.example.com", users)
	var crashes []crash
	var p *harness.Program
	for k := range kills {
		p = harness.LaunchLinked(t, file)
		from, before := len(c.Sent), b.Accepted()
		ctx, cancel := context.WithCancel(t.Context())
		var sender sync.WaitGroup
		sender.Go(func() { c.Run(ctx, 0, window) })
		goal := before + each
		if k%2 == 1 {
			goal = before + each/5 // while it delivers what was left
		}
		awaitCount(t, b.Accepted, goal)
		at := time.Now()
		p.Kill()
		cancel()
		sender.Wait()
		held := load.StoredEvents(t, dir, "echo")
		crashes = append(crashes, crash{at, from, len(c.Sent), held})
		waiting := 0
		for text := range held {
			if !b.Has(text) {
				waiting++
			}
		}
		c.Gone = len(c.Sent) - b.Accepted() - waiting
	}
	p = harness.LaunchLinked(t, file)
	from := len(c.Sent)
	c.Gone = len(c.Sent)
	c.Run(t.Context(), users, window)
	crashes = append(crashes, crash{at: time.Now().Add(time.Hour), from: from, to: len(c.Sent)}) // none, in fact
	for i := range users {
		last := load.NumberedText(c.User(i), c.Next[i]-1)
		harness.Await(t, last+" is accepted", time.Minute, func() bool { return b.Has(last) })
	}
	p.StopWell()
	if left := load.StoredEvents(t, dir, "echo"); len(left) > 0 {
		t.Errorf("%d events are still in the store", len(left))
	}
	accountOfKills(t, c, crashes)
	if batch > 0 && b.Most < 2 {
		t.Errorf("no request had more than %d event", b.Most)
	}
}

// accountOfKills compares what was sent with what was accepted, stored and answered.
func accountOfKills(t *testing.T, c *load.Crowd, crashes []crash) {
	t.Helper()
	refused := load.ErrorsSent(t, c.Srv)
	replies := answersSent(t, c.Srv)
	b := c.Bot
	b.Mu.Lock()
	defer b.Mu.Unlock()
	lost, unanswered := 0, 0
	wasHeld := make(map[string]bool)
	for k, cr := range crashes {
		newest := -1 // of what the store held
		for i, s := range c.Sent[:cr.to] {
			if cr.held[s.Text] != "" {
				newest = i
			}
		}
		for text, id := range cr.held {
			wasHeld[text] = true
			if b.Ids[text] != id {
				t.Errorf("kill %d: %s was in the store as %s; the bot has accepted %q", k, text, id, b.Ids[text])
			}
			if replies[text] == "" {
				t.Errorf("kill %d: %s was in the store and has no answer", k, text)
			}
		}
		here, mute, oldest := 0, 0, time.Duration(0)
		again, kept := 0, time.Duration(0)
		for text := range cr.held {
			if at, ok := b.When[text]; ok && at.Before(cr.at) {
				again++
				kept = max(kept, cr.at.Sub(at))
			}
		}
		for i := cr.from; i < cr.to; i++ {
			s := c.Sent[i]
			accepted := b.Ids[s.Text] != ""
			if refused[s.Text] || accepted && replies[s.Text] != "" {
				continue
			}
			if accepted {
				mute++
			} else {
				here++
			}
			age := cr.at.Sub(s.At)
			oldest = max(oldest, age)
			if i < newest || age > lateLoss {
				t.Errorf("kill %d: %s was sent %v before it, and is lost (accepted: %v), though the store had %s", k, s.Text, age, accepted, c.Sent[max(newest, 0)].Text)
			}
		}
		lost, unanswered = lost+here, unanswered+mute
		if cr.held != nil {
			t.Logf("kill %d: %d sent since the last, %d in the store; lost before they were stored: %d, and the answers to %d accepted ones; the earliest was sent %v before; %d in the store were accepted already, the first %v before", k, cr.to-cr.from, len(cr.held), here, mute, oldest.Round(time.Millisecond), again, kept.Round(time.Millisecond))
		}
	}
	for text := range b.Again {
		if !wasHeld[text] {
			t.Errorf("%s came again, though it was in no store", text)
		}
	}
	gaps := 0
	for user, numbers := range b.First {
		if !slices.IsSorted(numbers) {
			t.Errorf("%s: the messages came in the order %v", user, numbers)
		}
		gaps += numbers[len(numbers)-1] + 1 - len(numbers)
	}
	if gaps != lost+len(refused) {
		t.Errorf("%d numbers are missing, %d messages are lost or refused", gaps, lost+len(refused))
	}
	b.NoProblems()
	a := load.Balance{Way: load.FromUsers, Sent: len(c.Sent), Delivered: len(b.Ids), Answered: len(replies), Bounced: len(refused)}
	for _, n := range b.Again {
		a.Duplicates += n
	}
	for range lost + unanswered {
		a.Loses(load.LostUnstored)
	}
	a.Close(t)
	t.Logf("%d sent, %d accepted, %d refused with an error, %d lost with a kill before they were stored; %d accepted and killed before they were stored, without an answer; %d came again under the same id",
		len(c.Sent), len(b.Ids), len(refused), lost, unanswered, len(b.Again))
}

// answersSent returns the ids of the answers by their texts. An answer that came
// again has the same id, and first ones are in the order of each conversation.
func answersSent(t *testing.T, srv *componenttest.Server) map[string]string {
	t.Helper()
	ids := make(map[string]string)
	last := make(map[string]int)
	for _, s := range srv.Received() {
		if s.Kind != stanza.Message || s.Type == "error" {
			continue // after a minute the server is asked for its features
		}
		text, _ := s.Body()
		user, n, ok := load.ReadNumbered(text)
		switch was := ids[text]; {
		case !ok || s.To.Local() != user:
			t.Errorf("an answer nobody should get: %s", s.XML())
		case was != "":
			if was != s.ID {
				t.Errorf("the answer to %s came as %s and as %s", text, was, s.ID)
			}
		default:
			ids[text] = s.ID
			if before, seen := last[user]; seen && n < before {
				t.Errorf("%s: the answer to %d came after that to %d", user, n, before)
			}
			last[user] = n
		}
	}
	if bad := srv.Bad(); len(bad) > 0 {
		t.Errorf("the server got %q", bad)
	}
	return ids
}
