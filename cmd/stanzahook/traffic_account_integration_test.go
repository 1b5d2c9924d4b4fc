//go:build integration

package main

import (
	"fmt"
	"maps"
	"net/http"
	"time"
)

// finish stops the load, waits until all of it has come to its end, and draws up
// the accounts of both ways.
func (tr *traffic) finish() (users, callers balance) {
	tr.t.Helper()
	tr.stop()
	for _, k := range tr.people {
		if back := k.say(); back != nil {
			tr.t.Fatalf("%s is not connected", k.name)
		}
		eventually(tr.t, "the last post is taken", func() bool { return k.post() == http.StatusAccepted })
	}
	for _, k := range tr.people {
		awaitProgress(tr.t, "the last echo of "+k.name, func() (int, bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			n, last := len(k.echoes.ids)+len(k.errors), len(k.said)-1
			if len(k.to) > 1 { // the others need not have come before it
				return n, n >= len(k.said)
			}
			return n, k.echoes.has(last) || k.errors[last] != ""
		})
		awaitProgress(tr.t, "the last post for "+k.name, func() (int, bool) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return len(k.arrived.ids), k.arrived.has(len(k.posted) - 1)
		})
	}
	users, callers = balance{Way: fromUsers}, balance{Way: fromCallers}
	for _, k := range tr.people {
		k.account(&users, &callers)
	}
	tr.bot.mu.Lock()
	defer tr.bot.mu.Unlock()
	users.Delivered = len(tr.bot.ids)
	for _, n := range tr.bot.again {
		users.Duplicates += n
	}
	for user, numbers := range tr.bot.first {
		order := newArrivals(len(tr.people[0].to))
		for _, n := range numbers {
			order.came(n, "")
		}
		users.Disorder += order.disorder
		for _, p := range order.problems {
			tr.t.Errorf("the bot: %s of %s", p, user)
		}
	}
	tr.bot.noProblems()
	users.Dead = tr.now().count("/v1/dead-letters?limit=500")
	return users, callers
}

func (k *person) account(users, callers *balance) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n, at := range k.said {
		users.Sent++
		_, failed := k.errors[n]
		switch {
		case k.echoes.has(n):
			users.Answered++
			if failed {
				k.strange = append(k.strange, fmt.Sprintf("message %d has an answer and the error %s", n, k.errors[n]))
			}
		case failed:
			users.Bounced++
		default:
			users.loses(k.lost("message", n, at, fromUsers))
		}
	}
	for n, p := range k.posted {
		callers.Sent++
		if p.status == http.StatusAccepted {
			callers.Answered++
		}
		switch {
		case k.arrived.has(n):
			callers.Delivered++
			if p.status != http.StatusAccepted && p.status != 0 {
				k.strange = append(k.strange, fmt.Sprintf("post %d has arrived, but its answer was %d", n, p.status))
			}
		case p.status != http.StatusAccepted || k.bot.returned("post-"+numberedText(k.name, n)):
			callers.Bounced++
		default:
			callers.loses(k.lost("post", n, p.at, fromCallers))
		}
	}
	users.Duplicates += k.echoes.again
	users.Disorder += k.echoes.disorder
	callers.Duplicates += k.arrived.again
	callers.Disorder += k.arrived.disorder
	k.strange = append(append(k.strange, k.echoes.problems...), k.arrived.problems...)
	for _, s := range k.strange[:min(len(k.strange), 10)] {
		k.t.Errorf("%s: %s", k.name, s)
	}
}

// lost returns why a message may be lost, and complains if it may not.
func (k *person) lost(what string, n int, at time.Time, way way) string {
	reason := k.reason(at, way)
	if reason == "" {
		k.t.Errorf("%s: %s %d is lost, sent at %s", k.name, what, n, at.Format(time.TimeOnly+".000"))
	}
	return reason
}

// returned reports whether what we sent came back as an error.
func (b *tally) returned(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bounced[id]
}

// conditions returns the errors that the user got, by number.
func (k *person) conditions() map[int]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.errors)
}
