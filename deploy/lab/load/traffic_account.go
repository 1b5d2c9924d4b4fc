//go:build linux

package load

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"stanzahook/deploy/lab/harness"
)

// Close is Finish, and closes both accounts.
func (tr *Traffic) Close() {
	tr.T.Helper()
	users, callers := tr.Finish()
	users.Close(tr.T)
	callers.Close(tr.T)
}

// Finish stops the load, waits until all of it has come to its end, and draws up
// the accounts of both ways.
func (tr *Traffic) Finish() (users, callers Balance) {
	tr.T.Helper()
	tr.stop()
	for _, k := range tr.People {
		for range k.to { // the last one of each conversation
			if back := k.say(); back != nil {
				tr.T.Fatalf("%s is not connected", k.Name)
			}
		}
		harness.Eventually(tr.T, "the last post is taken", func() bool { return k.post() == http.StatusAccepted })
	}
	for _, k := range tr.People {
		AwaitProgress(tr.T, "the last echoes of "+k.Name, func() (count int, done bool) {
			k.Mu.Lock()
			defer k.Mu.Unlock()
			done = true
			for n := len(k.Said) - len(k.to); n < len(k.Said); n++ {
				done = done && (k.echoes.has(n) || k.Errors[n] != "")
			}
			return len(k.echoes.ids) + len(k.Errors), done
		})
		AwaitProgress(tr.T, "the last post for "+k.Name, func() (int, bool) {
			k.Mu.Lock()
			defer k.Mu.Unlock()
			return len(k.arrived.ids), k.arrived.has(len(k.Posted) - 1)
		})
	}
	users, callers = Balance{Way: FromUsers}, Balance{Way: fromCallers}
	for _, k := range tr.People {
		k.account(&users, &callers)
	}
	tr.Bot.Mu.Lock()
	defer tr.Bot.Mu.Unlock()
	users.Delivered = len(tr.Bot.Ids)
	for _, n := range tr.Bot.Again {
		users.Duplicates += n
	}
	for user, numbers := range tr.Bot.First {
		order := newArrivals(len(tr.People[0].to))
		for _, n := range numbers {
			order.came(n, "")
		}
		users.Disorder += order.disorder
		for _, p := range order.problems {
			tr.T.Errorf("the bot: %s of %s", p, user)
		}
	}
	tr.Bot.NoProblems()
	users.Dead = tr.Now().Count("/v1/dead-letters?limit=500")
	return users, callers
}

func (k *Person) account(users, callers *Balance) {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	for n, at := range k.Said {
		users.Sent++
		_, failed := k.Errors[n]
		switch {
		case k.echoes.has(n):
			users.Answered++
			if failed {
				k.strange = append(k.strange, fmt.Sprintf("message %d has an answer and the error %s", n, k.Errors[n]))
			}
		case failed:
			users.Bounced++
		default:
			users.Loses(k.lost("message", n, at, FromUsers))
		}
	}
	for n, p := range k.Posted {
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
		case p.status != http.StatusAccepted || k.Bot.returned("post-"+NumberedText(k.Name, n)):
			callers.Bounced++
		default:
			callers.Loses(k.lost("post", n, p.at, fromCallers))
		}
	}
	for _, n := range k.arrived.late {
		k.strange = append(k.strange, fmt.Sprintf("post %d was answered with %d at %s", n, k.Posted[n].status, k.Posted[n].at.Format(clock)))
	}
	users.Duplicates += k.echoes.again
	users.Disorder += k.echoes.disorder
	callers.Duplicates += k.arrived.again
	callers.Disorder += k.arrived.disorder
	k.strange = append(append(k.strange, k.echoes.problems...), k.arrived.problems...)
	for _, s := range k.strange[:min(len(k.strange), 10)] {
		k.T.Errorf("%s: %s", k.Name, s)
	}
}

// lost returns why a message may be lost, and complains if it may not.
func (k *Person) lost(what string, n int, at time.Time, way way) string {
	reason := k.reason(at, way)
	if reason == "" {
		k.T.Errorf("%s: %s %d is lost, sent at %s", k.Name, what, n, at.Format(clock))
	}
	return reason
}

// returned reports whether what we sent came back as an error.
func (b *tally) returned(id string) bool {
	b.Mu.Lock()
	defer b.Mu.Unlock()
	return b.bounced[id]
}

// Conditions returns the errors that the user got, by number.
func (k *Person) Conditions() map[int]string {
	k.Mu.Lock()
	defer k.Mu.Unlock()
	return maps.Clone(k.Errors)
}
