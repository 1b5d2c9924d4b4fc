//go:build integration

package main

import (
	"net/http"
	"strings"
	"testing"

	"stanzahook/component/componenttest"
)

// An endpoint that is down, with many events waiting for it, costs the others
// neither their rate nor much memory; and when it is back it gets all of them,
// in order, once each.
func TestQueueDeadEndpoint(t *testing.T) {
	const users = 500
	rounds, waiting, phase, least := 1, 5_000, 1_000, 0.5
	full := fullFaults()
	if full {
		rounds, waiting, phase, least = 3, 100_000, 20_000, 0.9
		withoutRace(t)
	}
	const phases = 3 // of each kind, in a round
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	live, dead := newTally(t), newTally(t)
	p := startLinked(t, queueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", t.TempDir(),
		queueEndpoint{name: "dead", to: "dead@*", bot: dead}, queueEndpoint{name: "live", to: "live@*", bot: live}))
	crowdLive := newCrowd(srv, live, "live", "live@bot.example.com", 50)
	crowdDead := newCrowd(srv, dead, "dead", "dead@bot.example.com", users)
	crowdLive.pace(t, phase)
	var before, while []float64
	resident := int64(0)
	for round := range rounds {
		for range phases {
			before = append(before, crowdLive.pace(t, phase))
		}
		if full && round == 0 {
			resident = p.resident()
		}
		dead.close()
		crowdDead.heap(t, waiting, crowdLive)
		for range phases {
			while = append(while, crowdLive.pace(t, phase))
		}
		if full {
			more := p.resident() - resident
			t.Logf("%d MiB resident with nothing waiting; %d more with %d events waiting", resident>>20, more>>20, waiting)
			if more > 64<<20 {
				t.Errorf("%d MiB more", more>>20)
			}
		}
		dead.open()
		awaitAccepted(t, dead.accepted, len(crowdDead.sent)-len(errorsSent(t, srv)))
	}
	for range phases {
		before = append(before, crowdLive.pace(t, phase))
	}
	t.Logf("events/s of the live endpoint: %v with the other one up, %v with it down and %d waiting", rounded(before), rounded(while), waiting)
	if ratio := median(while) / median(before); ratio < least {
		t.Errorf("the live endpoint has %.2f of its rate", ratio)
	}
	refused := errorsSent(t, srv)
	t.Logf("%d events waited, %d were refused with an error", len(crowdDead.sent)-len(refused), len(refused))
	dead.complete(func(user string) int { return crowdDead.sentBy(user) - refusedOf(refused, user) }, true)
	live.complete(crowdLive.sentBy, true)
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
	const many = 3_000
	rounds, phase, most := 2, 500, 3.0
	if fullFaults() {
		rounds, phase, most = 5, 10_000, 1.5
		withoutRace(t)
	}
	srv := componenttest.NewServer(t, "bot.example.com", "secret of the server")
	b := newTally(t)
	p := startLinked(t, queueConfig(t, srv.Addr(), "bot.example.com", "secret of the server", t.TempDir(),
		queueEndpoint{name: "echo", to: "*", bot: b, schedule: manySteps}))
	others := newCrowd(srv, b, "other", "echo@bot.example.com", 50)
	stuck := newCrowd(srv, b, "stuck", "echo@bot.example.com", 1)
	fails := func(user string, w http.ResponseWriter, _ *http.Request) bool {
		if user == stuck.user(0) {
			w.WriteHeader(http.StatusInternalServerError)
			return false
		}
		return true
	}
	others.pace(t, phase)
	var without, few, full []float64
	for range rounds {
		without = append(without, others.pace(t, phase))
		b.do(fails)
		stuck.heap(t, 10, others)
		few = append(few, others.pace(t, phase))
		stuck.heap(t, many-10, others)
		full = append(full, others.pace(t, phase))
		if n := b.acceptedOf(stuck.user(0)); n != len(stuck.sent)-many {
			t.Errorf("%d messages of the stuck conversation were accepted", n)
		}
		b.do(nil)
		awaitAccepted(t, func() int { return b.acceptedOf(stuck.user(0)) }, len(stuck.sent))
	}
	without = append(without, others.pace(t, phase))
	t.Logf("events/s of the others: %v; with a stuck conversation %v; with %d messages waiting in it %v", rounded(without), rounded(few), many, rounded(full))
	for _, with := range [][]float64{few, full} {
		if times := median(without) / median(with); times > most {
			t.Errorf("the others take %.2f times as long", times)
		}
	}
	if refused := errorsSent(t, srv); len(refused) > 0 {
		t.Errorf("%d messages were refused", len(refused))
	}
	b.complete(func(user string) int { return others.sentBy(user) + stuck.sentBy(user) }, true)
	answersSent(t, srv)
	if p.ended() {
		t.Error("stanzahook has ended")
	}
}
