//go:build integration

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// An endpoint that is down, with many events waiting for it, costs ninety-nine others
// neither their rate nor much memory; and when it is back it gets all of them,
// in order, once each.
func TestQueueDeadEndpoint(t *testing.T) {
	besideOthers(t)
	const users, others = 500, 99
	rounds, phases, waiting, phase := 1, 3, 1_000, 200 // phases: of each kind, in a round
	full := harness.FullFaults()
	if full {
		rounds, phases, waiting, phase = 3, 6, 100_000, 20_000
		harness.WithoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	live, dead := load.NewTally(t), load.NewTally(t)
	endpoints := []load.QueueEndpoint{{Name: "dead", To: "dead@*", Bot: dead}}
	for i := range others {
		endpoints = append(endpoints, load.QueueEndpoint{Name: fmt.Sprint("live", i), To: fmt.Sprintf("live%d@*", i), Bot: live})
	}
	p := harness.LaunchLinked(t, load.QueueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", t.TempDir(), endpoints...))
	crowdLive := load.NewCrowd(srv, live, "live", "live#@bot.example.com", others)
	crowdDead := load.NewCrowd(srv, dead, "dead", "dead@bot.example.com", users)
	crowdLive.Pace(t, phase)
	var before, moving, while []float64
	resident := int64(0)
	for round := range rounds {
		for range phases {
			before = append(before, crowdLive.Pace(t, phase))
		}
		if full && round == 0 {
			resident = p.Resident()
		}
		dead.Close()
		crowdDead.Heap(t, waiting, crowdLive)
		if full { // they move out of the others' way, and the disk has them, before the others are measured
			moving = append(moving, crowdLive.Pace(t, phase))
			p.Resident()
		}
		for range phases {
			while = append(while, crowdLive.Pace(t, phase))
		}
		if full {
			more := p.Resident() - resident
			t.Logf("%d MiB resident with nothing waiting; %d more with %d events waiting", resident>>20, more>>20, waiting)
			if more > 64<<20 {
				t.Errorf("%d MiB more", more>>20)
			}
		}
		dead.Open()
		load.AwaitAccepted(t, dead.Accepted, len(crowdDead.Sent)-crowdDead.Refused(t))
	}
	for range phases {
		before = append(before, crowdLive.Pace(t, phase))
	}
	t.Logf("events/s of the live endpoints: %v with the other one up, %v while those that wait move, %v with it down and %d waiting",
		load.Rounded(before), load.Rounded(moving), load.Rounded(while), waiting)
	// In the short form other tests run beside it, and nothing is said of rates.
	if ratio := harness.Median(while) / harness.Median(before); full && ratio < 0.9 {
		t.Errorf("the live endpoints have %.2f of their rate", ratio)
	}
	refused := load.ErrorsSent(t, srv)
	t.Logf("%d events waited, %d of all were refused with an error", len(crowdDead.Sent), len(refused))
	dead.Complete(func(user string) int { return crowdDead.SentBy(user) - refusedOf(refused, user) }, true)
	live.Complete(func(user string) int { return crowdLive.SentBy(user) - refusedOf(refused, user) }, true)
	answersSent(t, srv)
}

// refusedOf counts the messages of one user that were refused.
func refusedOf(refused map[string]bool, user string) int {
	n := 0
	for text := range refused {
		if strings.HasPrefix(text, user+"-") {
			n++
		}
	}
	return n
}

// One conversation whose messages fail holds up nobody else at its endpoint,
// however many of its messages wait; and they come in order when it is healed.
func TestQueueStuckConversation(t *testing.T) {
	besideOthers(t)
	rounds, many, phase := 1, 1_000, 500
	if harness.FullFaults() {
		rounds, many, phase = 5, 3_000, 10_000
		harness.WithoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b := load.NewTally(t)
	p := harness.LaunchLinked(t, load.QueueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", t.TempDir(),
		load.QueueEndpoint{Name: "echo", To: "*", Bot: b, Schedule: load.ManySteps}))
	others := load.NewCrowd(srv, b, "other", "echo@bot.example.com", 50)
	stuck := load.NewCrowd(srv, b, "stuck", "echo@bot.example.com", 1)
	fails := func(user string, w http.ResponseWriter, _ *http.Request) bool {
		if user == stuck.User(0) {
			w.WriteHeader(http.StatusInternalServerError)
			return false
		}
		return true
	}
	others.Pace(t, phase)
	var without, few, full []float64
	for range rounds {
		without = append(without, others.Pace(t, phase))
		b.AnswerWith(fails)
		stuck.Heap(t, 10, others)
		few = append(few, others.Pace(t, phase))
		stuck.Heap(t, many-10, others)
		full = append(full, others.Pace(t, phase))
		if n := b.AcceptedOf(stuck.User(0)); n != len(stuck.Sent)-many {
			t.Errorf("%d messages of the stuck conversation were accepted", n)
		}
		b.AnswerWith(nil)
		load.AwaitAccepted(t, func() int { return b.AcceptedOf(stuck.User(0)) }, len(stuck.Sent))
	}
	without = append(without, others.Pace(t, phase))
	t.Logf("events/s of the others: %v; with a stuck conversation %v; with %d messages waiting in it %v", load.Rounded(without), load.Rounded(few), many, load.Rounded(full))
	for _, with := range [][]float64{few, full} {
		if times := harness.Median(without) / harness.Median(with); harness.FullFaults() && times > 1.5 {
			t.Errorf("the others take %.2f times as long", times)
		}
	}
	if refused := load.ErrorsSent(t, srv); len(refused) > 0 {
		t.Errorf("%d messages were refused", len(refused))
	}
	b.Complete(func(user string) int { return others.SentBy(user) + stuck.SentBy(user) }, true)
	answersSent(t, srv)
	if p.Ended() {
		t.Error("stanzahook has ended")
	}
}
