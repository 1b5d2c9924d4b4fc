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

// Series posts numbered messages to one user, one after the other: the next
// when the one before was answered with 202, and what was not, again.
type Series struct {
	To       string
	Path     string // posted to; empty: /rest
	mu       sync.Mutex
	taken    int // those with a 202
	problems []string
}

func (s *Series) Run(ctx context.Context, p *harness.Program, pace time.Duration) {
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
			r, err := p.Call("POST", cmp.Or(s.Path, "/rest"), "token-all", harness.AsJSON, body)
			s.mu.Lock()
			switch {
			case err != nil: // killed: nothing was promised
			case r.Status == http.StatusAccepted:
				s.taken++
				taken = true
			case r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "":
				s.problems = append(s.problems, fmt.Sprintf("%d: %d %s", i, r.Status, r.Body))
			}
			s.mu.Unlock()
		}
	}
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
func (m *Mailbox) account(t testing.TB, s *Series, a *Balance) {
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
	a.Sent += max(s.taken, last+1)
	a.Answered += s.taken
	a.Delivered += len(came)
	for n := range s.taken {
		if !came[n] {
			t.Errorf("%s: message %d was answered with 202 and is lost", s.To, n)
			a.Loses("")
		}
	}
}

// Finish posts a last message to each user, waits for it, and draws up the
// account.
func Finish(t testing.TB, p *harness.Program, all []*Series, boxes map[string]*Mailbox) Balance {
	t.Helper()
	a := Balance{Way: fromCallers}
	for _, s := range all {
		if r := p.Post(harness.AsJSON, fmt.Sprintf(`{"to":"%s@localhost","type":"chat","id":"end","body":"x"}`, s.To)); r.Status != http.StatusAccepted {
			t.Fatalf("the last POST: %d %s", r.Status, r.Body)
		}
		harness.Eventually(t, "the last message for "+s.To, func() bool { return boxes[s.To].has("end") })
		boxes[s.To].account(t, s, &a)
	}
	a.Close(t)
	return a
}
