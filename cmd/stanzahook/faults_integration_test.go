//go:build integration

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
)

// The fault tests are small in "make test"; "make faults" sets the full size.
type faultSize struct{ messages, outages, kills int }

func sizeOfFaults() faultSize {
	if os.Getenv("STANZAHOOK_FAULTS") == "full" {
		return faultSize{messages: 20_000, outages: 5, kills: 10}
	}
	return faultSize{messages: 1_500, outages: 2, kills: 3}
}

var faultUsers = []string{"alice", "bob", "carol", "dave"}

// series posts numbered messages to one user, one after the other: the next
// when the one before was answered with 202, and what was not, again.
type series struct {
	to       string
	path     string // posted to; empty: /rest
	mu       sync.Mutex
	taken    []time.Time // by number: when the 202 came
	problems []string
}

func (s *series) run(ctx context.Context, now func() *program, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 0; ; i++ {
		body := fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":"n-%d","body":"x"}`, s.to, i)
		for taken := false; !taken; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			r, err := now().call("POST", cmp.Or(s.path, "/rest"), "token-all", asJSON, body)
			s.mu.Lock()
			switch {
			case err != nil: // killed: nothing was promised
			case r.status == http.StatusAccepted:
				s.taken = append(s.taken, time.Now())
				taken = true
			case r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "":
				s.problems = append(s.problems, fmt.Sprintf("%d: %d %s", i, r.status, r.body))
			}
			s.mu.Unlock()
		}
	}
}

func (s *series) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

func startSeries(t *testing.T, now func() *program) (all []*series, total func() int, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, name := range faultUsers {
		s := &series{to: name}
		all = append(all, s)
		wg.Go(func() { s.run(ctx, now, 2*time.Millisecond) })
	}
	total = func() (n int) {
		for _, s := range all {
			n += s.count()
		}
		return n
	}
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return all, total, stop
}

// mailbox is what one user received over all logins, in order.
type mailbox struct {
	mu  sync.Mutex
	ids []string
}

func (m *mailbox) read(ctx context.Context, c user) {
	for {
		r, err := c.Next(ctx, func(r lab.Received) bool { return r.Kind == "message" && r.Type == "chat" })
		if err != nil {
			return // the server has gone
		}
		m.mu.Lock()
		m.ids = append(m.ids, r.ID)
		m.mu.Unlock()
	}
}

func (m *mailbox) has(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.ids) - 1; i >= 0; i-- {
		if m.ids[i] == id {
			return true
		}
	}
	return false
}

// account compares what was promised with what arrived.
func (m *mailbox) account(t *testing.T, s *series, serverKills []time.Time, a *balance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range s.problems {
		t.Errorf("%s: POST %s", s.to, p)
	}
	came := make(map[int]bool)
	last := -1
	for _, id := range m.ids {
		text, numbered := strings.CutPrefix(id, "n-")
		n, err := strconv.Atoi(text)
		switch {
		case !numbered || err != nil:
			continue
		case came[n]:
			a.Duplicates++
			continue
		case n < last:
			a.Disorder++
			t.Errorf("%s: message %d came first after message %d", s.to, n, last)
		}
		came[n] = true
		last = max(last, n)
	}
	// The last one may be under way without a 202.
	a.Sent += max(len(s.taken), last+1)
	a.Answered += len(s.taken)
	a.Delivered += len(came)
	for n, at := range s.taken {
		if came[n] {
			continue
		}
		near := false
		for _, kill := range serverKills {
			near = near || at.After(kill.Add(-crashLoss)) && at.Before(kill.Add(crashLoss))
		}
		if !near {
			t.Errorf("%s: message %d was answered with 202 and is lost", s.to, n)
			a.loses("")
			continue
		}
		a.loses(lostByServer)
	}
}

// finish posts a last message to each user, waits for it, and draws up the
// account.
func finish(t *testing.T, p *program, all []*series, boxes map[string]*mailbox, serverKills []time.Time) balance {
	t.Helper()
	a := balance{Way: fromCallers}
	for _, s := range all {
		if r := p.post(asJSON, fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":"end","body":"x"}`, s.to)); r.status != http.StatusAccepted {
			t.Fatalf("the last POST: %d %s", r.status, r.body)
		}
		eventually(t, "the last message for "+s.to, func() bool { return boxes[s.to].has("end") })
		boxes[s.to].account(t, s, serverKills, &a)
	}
	a.close(t)
	return a
}

// Every message that got its 202 arrives, in order, though the server is
// stopped or killed again and again.
func TestPostsThroughOutages(t *testing.T) {
	size := sizeOfFaults()
	for _, kind := range []lab.Kind{lab.Prosody, lab.Ejabberd} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s, err := lab.Start(t.Context(), labOptions(kind, "faults"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			showLog(t, string(kind), s.Logs)
			b := newBot(t)
			b.do(func(*hook) (int, string, string) { return http.StatusNoContent, "", "" })
			c := oneComponent(s, "faults", b)
			way := newRelay(t, s.ComponentAddr())
			c.Components[0].Server = way.addr()
			p := launch(t, c)
			p.awaitLinks(1)
			boxes := make(map[string]*mailbox)
			online := func() {
				for _, name := range faultUsers {
					if boxes[name] == nil {
						boxes[name] = &mailbox{}
					}
					go boxes[name].read(t.Context(), login(t, s, name))
				}
			}
			online()
			all, total, stop := startSeries(t, func() *program { return p })
			var kills []time.Time
			for n := range size.outages {
				target := size.messages * (n + 1) / (size.outages + 1)
				awaitCount(t, total, target)
				way.shut.Store(true)
				if n%2 == 0 {
					kills = append(kills, time.Now())
					err = s.Kill()
				} else {
					err = s.Stop(t.Context())
				}
				if err != nil {
					t.Fatal(err)
				}
				p.awaitNotReady("faults.localhost")
				if err := s.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				online()
				way.shut.Store(false)
				p.awaitReady()
			}
			awaitCount(t, total, size.messages)
			stop()
			finish(t, p, all, boxes, kills)
		})
	}
}

// awaitCount waits until so many messages are taken, as long as it goes on.
func awaitCount(t *testing.T, total func() int, n int) {
	t.Helper()
	for before := -1; total() < n; {
		before = total()
		eventually(t, "messages are taken", func() bool { return total() > before })
	}
}

// kill -9 of stanzahook with load in both directions: what was answered with
// 202 arrives, and what was taken into the queue is answered.
func TestKillBothWays(t *testing.T) {
	size := sizeOfFaults()
	forBoth(t, func(t *testing.T, s *lab.Server) {
		b := newBot(t)
		dir, c := t.TempDir(), oneComponent(s, "both", b)
		var mu sync.Mutex
		p := launchIn(t, dir, c)
		now := func() *program {
			mu.Lock()
			defer mu.Unlock()
			return p
		}
		p.awaitLinks(1)
		boxes := make(map[string]*mailbox)
		for _, name := range faultUsers {
			boxes[name] = &mailbox{}
			go boxes[name].read(t.Context(), login(t, s, name))
		}
		talker := login(t, s, "trent")
		var times []time.Time
		ctx, quiet := context.WithCancel(t.Context())
		talked := make(chan struct{})
		go func() {
			defer close(talked)
			tick := time.NewTicker(3 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
				times = append(times, time.Now())
				if err := talker.SendRaw(numbered("echo@both.localhost", i)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
		all, total, stop := startSeries(t, now)
		var kills []killing
		for range size.kills {
			took, got := total(), len(b.got())
			eventually(t, "load in both directions", func() bool { return total() >= took+100 && len(b.got()) >= got+50 })
			k := killing{begin: time.Now()}
			p.kill()
			k.end = time.Now()
			kills = append(kills, k)
			next := launchIn(t, dir, c)
			mu.Lock()
			p = next
			mu.Unlock()
			p.awaitLinks(1)
		}
		quiet()
		<-talked
		stop()
		finish(t, p, all, boxes, nil)

		last := talker.echo("echo@both.localhost", "last")
		answers := collect(talker, last)
		a := balance{Way: fromUsers, Sent: len(times) + 1, Answered: 1, Delivered: delivered(b, "echo@both.localhost")}
		for i, at := range times {
			if !a.settles(answers, strconv.Itoa(i), lostUnstored) {
				continue
			}
			if d := distance(at, kills); d > lastMoment {
				t.Errorf("message %d of the user has no answer; it was sent %v away from a kill", i, d)
			}
		}
		a.close(t)
	})
}
