//go:build linux

package load

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"stanzahook/deploy/lab"
	"stanzahook/deploy/lab/harness"
)

var FaultUsers = []string{"alice", "bob", "carol", "dave"}

// Series posts numbered messages to one user, one after the other: the next
// when the one before was answered with 202, and what was not, again.
type Series struct {
	To       string
	Path     string // posted to; empty: /rest
	mu       sync.Mutex
	taken    []time.Time // by number: when the 202 came
	problems []string
}

func (s *Series) Run(ctx context.Context, now func() *harness.Program, pace time.Duration) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 0; ; i++ {
		body := fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":"n-%d","body":"x"}`, s.To, i)
		for taken := false; !taken; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			r, err := now().Call("POST", cmp.Or(s.Path, "/rest"), "token-all", harness.AsJSON, body)
			s.mu.Lock()
			switch {
			case err != nil: // killed: nothing was promised
			case r.Status == http.StatusAccepted:
				s.taken = append(s.taken, time.Now())
				taken = true
			case r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "":
				s.problems = append(s.problems, fmt.Sprintf("%d: %d %s", i, r.Status, r.Body))
			}
			s.mu.Unlock()
		}
	}
}

func (s *Series) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

func StartSeries(t testing.TB, now func() *harness.Program) (all []*Series, total func() int, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, name := range FaultUsers {
		s := &Series{To: name}
		all = append(all, s)
		wg.Go(func() { s.Run(ctx, now, 2*time.Millisecond) })
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

// Mailbox is what one user received over all logins, in order.
type Mailbox struct {
	mu  sync.Mutex
	ids []string
}

func (m *Mailbox) Read(ctx context.Context, c harness.User) {
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

func (m *Mailbox) has(id string) bool {
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
func (m *Mailbox) account(t testing.TB, s *Series, serverKills []time.Time, a *Balance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range s.problems {
		t.Errorf("%s: POST %s", s.To, p)
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
			t.Errorf("%s: message %d came first after message %d", s.To, n, last)
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
			near = near || at.After(kill.Add(-CrashLoss)) && at.Before(kill.Add(CrashLoss))
		}
		if !near {
			t.Errorf("%s: message %d was answered with 202 and is lost", s.To, n)
			a.Loses("")
			continue
		}
		a.Loses(LostByServer)
	}
}

// Finish posts a last message to each user, waits for it, and draws up the
// account.
func Finish(t testing.TB, p *harness.Program, all []*Series, boxes map[string]*Mailbox, serverKills []time.Time) Balance {
	t.Helper()
	a := Balance{Way: fromCallers}
	for _, s := range all {
		if r := p.Post(harness.AsJSON, fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":"end","body":"x"}`, s.To)); r.Status != http.StatusAccepted {
			t.Fatalf("the last POST: %d %s", r.Status, r.Body)
		}
		harness.Eventually(t, "the last message for "+s.To, func() bool { return boxes[s.To].has("end") })
		boxes[s.To].account(t, s, serverKills, &a)
	}
	a.Close(t)
	return a
}

// LastMoment is how close to a kill a message must have been sent that is lost
// with it: what was in the socket, or read and not yet stored.
const LastMoment = 500 * time.Millisecond

// Collect returns which messages were answered (true) or bounced (false), of what
// has come before the last echo and with it.
func Collect(u harness.User, last lab.Received) map[string]bool {
	u.T.Helper()
	u.Send("<message to='%s' type='chat' id='own-mark'/>", u.JID())
	answers := make(map[string]bool)
	for {
		r := u.Await("what came before the end", func(r lab.Received) bool { return r.Kind == "message" })
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

// Killing is the time that a kill took.
type Killing struct{ Begin, End time.Time }

// Distance returns how far from a kill a moment was, before or after: for a
// moment the server goes on writing into a connection that is dead.
func Distance(at time.Time, kills []Killing) time.Duration {
	least := 24 * time.Hour
	for _, k := range kills {
		least = min(least, max(0, k.Begin.Sub(at), at.Sub(k.End)))
	}
	return least
}

// CrashLoss is how old a 202 is at most whose message may be lost when the
// server itself is killed: it had taken the message, but into memory.
const CrashLoss = 500 * time.Millisecond
