//go:build integration

package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// What the store had taken is delivered after kill -9: all of it, in order, and
// what comes twice has the same webhook-id.
func TestKillWithFullQueue(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		const each = 300
		b := newBot(t)
		b.do(func(h *hook) (int, string, string) {
			if h.To == "mark@kill.localhost" {
				return echo(h)
			}
			return busy(h)
		})
		dir, c := t.TempDir(), oneComponent(s, "kill", b)
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		users := []user{login(t, s, "dave"), login(t, s, "erin")}
		for i := range each {
			for _, u := range users {
				u.send("%s", numbered("echo@kill.localhost", i))
			}
		}
		// The first of each conversation is not counted: it is being retried.
		eventually(t, "all of them are stored", func() bool { return p.stored("echo") == 2*each-len(users) })
		for _, kill := range []int{0, each / 2, each} {
			eventually(t, fmt.Sprintf("%d messages are delivered", kill), func() bool { return delivered(b, "echo@kill.localhost") >= kill })
			p.kill()
			b.do(nil)
			p = launchIn(t, dir, c)
		}
		eventually(t, "all messages are delivered", func() bool { return delivered(b, "echo@kill.localhost") >= 2*each })
		checkDeliveries(t, b, users, each)
		for _, u := range users {
			awaitEchoes(u, each)
		}
	})
}

// delivered counts the messages to an address that the bot has accepted, each once.
func delivered(b *bot, to string) int {
	seen := make(map[string]bool)
	for _, h := range b.got() {
		if h.Status == http.StatusOK && h.To == to {
			seen[h.From+" "+h.Body] = true
		}
	}
	return len(seen)
}

// checkDeliveries checks that the bot accepted every message, the first time in
// order, and again only under the same webhook-id.
func checkDeliveries(t *testing.T, b *bot, users []user, each int) {
	t.Helper()
	again := 0
	for _, u := range users {
		ids := make(map[string]string)
		next := 0
		for _, h := range b.got() {
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

// awaitEchoes waits for the answers to all numbered messages: in order, but for
// repetitions under the same id.
func awaitEchoes(u user, each int) {
	u.t.Helper()
	ids := make(map[string]string)
	for len(ids) < each {
		r := u.next(fmt.Sprintf("echo %d", len(ids)), func(r lab.Received) bool {
			return r.Kind == "message" && !strings.HasPrefix(r.Body, "mark")
		})
		id, seen := ids[r.Body]
		switch {
		case seen && id != r.ID:
			u.t.Errorf("echo %s came as %s and as %s", r.Body, id, r.ID)
		case !seen && r.Body != strconv.Itoa(len(ids)):
			u.t.Fatalf("%s: instead of echo %d came %+v", u.JID(), len(ids), r)
		}
		ids[r.Body] = r.ID
	}
}

// lastMoment is how close to a kill a message must have been sent that is lost
// with it: what was in the socket, or read and not yet stored.
const lastMoment = 500 * time.Millisecond

// While clients go on writing, every message is answered, or bounced by the
// server because there was no connection, or was sent in the very moment of a
// kill.
func TestKillUnderLoad(t *testing.T) {
	forBoth(t, func(t *testing.T, s *lab.Server) {
		const each = 300
		b := newBot(t)
		dir, c := t.TempDir(), oneComponent(s, "load", b)
		p := launchIn(t, dir, c)
		p.awaitLinks(1)
		users := []user{login(t, s, "frank"), login(t, s, "grace")}
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
					if err := u.SendRaw(numbered("echo@load.localhost", i)); err != nil {
						t.Error(err)
						break
					}
				}
				finished <- n
			}()
		}
		var kills []killing
		for range 3 {
			before := len(b.got())
			eventually(t, "messages flow", func() bool { return len(b.got()) >= before+40 })
			k := killing{begin: time.Now()}
			p.kill()
			k.end = time.Now()
			kills = append(kills, k)
			p = launchIn(t, dir, c)
			p.awaitLinks(1)
		}
		for range users {
			<-finished
		}
		a := balance{Way: fromUsers, Sent: len(users) * (each + 1), Answered: len(users)} // the last ones
		for n, u := range users {
			// Behind everything else in each of the two conversations.
			last := u.echo("echo@load.localhost", "last")
			answers := collect(u, last)
			a.Delivered = delivered(b, "echo@load.localhost")
			farthest := time.Duration(0)
			for i, at := range sent[n] {
				if !a.settles(answers, strconv.Itoa(i), lostUnstored) {
					continue
				}
				d := distance(at, kills)
				farthest = max(farthest, d)
				if d > lastMoment {
					t.Errorf("%s: message %d has no answer; it was sent %v away from a kill", u.JID(), i, d)
				}
			}
			t.Logf("%s: what was lost with a kill was sent at most %v away from it", u.JID(), farthest)
		}
		a.close(t)
	})
}

// settles notes what became of a message, and reports whether it is lost, for a
// reason.
func (a *balance) settles(answers map[string]bool, id, reason string) (lost bool) {
	switch echo, ok := answers[id]; {
	case !ok:
		a.loses(reason)
		return true
	case echo:
		a.Answered++
	default:
		a.Bounced++
	}
	return false
}

// collect returns which messages were answered (true) or bounced (false), of what
// has come before the last echo and with it.
func collect(u user, last lab.Received) map[string]bool {
	u.t.Helper()
	u.send("<message to='%s' type='chat' id='own-mark'/>", u.JID())
	answers := make(map[string]bool)
	for {
		r := u.next("what came before the end", func(r lab.Received) bool { return r.Kind == "message" })
		switch {
		case r.ID == "own-mark":
			return answers
		case r.Type == "error":
			answers[r.ID] = false
		default:
			answers[r.Body] = true
		}
	}
}

// killing is the time that a kill took.
type killing struct{ begin, end time.Time }

// distance returns how far from a kill a moment was, before or after: for a
// moment the server goes on writing into a connection that is dead.
func distance(at time.Time, kills []killing) time.Duration {
	least := 24 * time.Hour
	for _, k := range kills {
		least = min(least, max(0, k.begin.Sub(at), at.Sub(k.end)))
	}
	return least
}
