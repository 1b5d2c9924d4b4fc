package delivery

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/pkg/store/deliverylog"
	"stanzahook/pkg/webhook"
)

// watched is a testbed whose changes are looked at.
type watched struct {
	*testbed
	changes chan Change
	states  chan string
}

func watch(t *testing.T, status func(string, int) int, change ...func(*testbed)) *watched {
	w := &watched{changes: make(chan Change, 1000), states: make(chan string, 100)}
	w.testbed = newTestbed(t, status, append(change, func(b *testbed) {
		b.e.Format = webhook.FormatEvent
		b.by = Watch{OnChange: func(c Change) { w.changes <- c }, OnState: func(endpoint, state, reason string) {
			w.states <- strings.TrimSpace(endpoint + " " + state + " " + reason)
		}}
	})...)
	return w
}

// sees waits for changes, as "id state attempt status reason".
func (w *watched) sees(want ...string) {
	w.t.Helper()
	for _, want := range want {
		select {
		case c := <-w.changes:
			got := strings.TrimPrefix(c.ID, "evt_") + " " + string(c.State)
			if c.Attempt != nil {
				got += fmt.Sprintf(" %d %d", c.N, c.Attempt.Status)
			}
			if c.Reason != "" {
				got += " " + c.Reason
			}
			if got != want || c.Endpoint != "echo" || c.Type != "message.chat" || c.To != "echo@bot.example.com" {
				w.t.Fatalf("%+v\nis %q\nwant %q", c, got, want)
			}
		case <-time.After(time.Minute):
			w.t.Fatalf("%q did not come", want)
		}
	}
}

func (w *watched) becomes(want string) {
	w.t.Helper()
	select {
	case got := <-w.states:
		if got != want {
			w.t.Fatalf("%q, want %q", got, want)
		}
	case <-time.After(time.Minute):
		w.t.Fatalf("%q did not come", want)
	}
}

// Each change of state is reported, with the newest attempt.
func TestWatchOfAQueue(t *testing.T) {
	var status atomic.Int64
	status.Store(500)
	w := watch(t, func(string, int) int {
		return int(status.Swap(0))
	})
	w.put("u")
	w.sees("u-0 queued", "u-0 retrying 1 500 HTTP 500")
	w.becomes("echo failing HTTP 500")
	w.sees("u-0 delivered 2 204")
	w.becomes("echo ok")
	status.Store(422)
	w.put("u")
	w.sees("u-1 queued", "u-1 dead 1 422 HTTP 422")
	w.empty()
	d := NewDeliveries(w.s, []*Worker{w.w}, nil)
	d.Watch(w.by)
	w.must(d.Replay(t.Context(), "evt_u-1"))
	w.sees("u-1 queued", "u-1 delivered 1 204")
	w.empty()
	w.must(w.w.Disable(t.Context(), "a test"))
	w.becomes("echo disabled a test")
	w.put("u")
	w.sees("u-2 queued")
	w.waiting(1)
	w.must(d.Drop(t.Context(), "evt_u-2"))
	w.sees("u-2 dropped by an operator")
	w.must(w.w.Enable(t.Context()))
	w.becomes("echo ok")
	status.Store(422)
	w.put("u")
	w.sees("u-3 queued", "u-3 dead 1 422 HTTP 422")
	w.empty()
	w.must(d.Drop(t.Context(), "evt_u-3"))
	w.sees("u-3 dropped 1 422 dead letter removed by an operator")
}

// What was reported as queued can be dropped at once, while it is being stored, too.
func TestDropWhileStored(t *testing.T) {
	w := watch(t, nil)
	d := NewDeliveries(w.s, []*Worker{w.w}, nil)
	w.must(w.w.Disable(t.Context(), "a test"))
	w.becomes("echo disabled a test")
	for i := range 50 {
		w.put("u")
		w.sees(fmt.Sprintf("u-%d queued", i))
		w.must(d.Drop(t.Context(), fmt.Sprintf("evt_u-%d", i)))
		w.sees(fmt.Sprintf("u-%d dropped by an operator", i))
	}
	w.must(w.w.Enable(t.Context()))
	w.empty()
}

// An event that is given up has its last attempt.
func TestWatchOfAnEventGivenUp(t *testing.T) {
	w := watch(t, func(string, int) int { return 500 }, func(b *testbed) { b.e.MaxAge = 50 * time.Millisecond })
	w.put("u")
	w.sees("u-0 queued")
	n := 0
	for c := range w.changes {
		if c.State == deliverylog.Retrying {
			n++
			continue
		}
		if c.State != deliverylog.Dead || c.N != n || c.Attempt == nil || c.Attempt.Status != 500 || !strings.Contains(c.Reason, "last: HTTP 500") {
			t.Errorf("after %d attempts: %+v", n, c)
		}
		break
	}
}

// Events that are pulled.
func TestWatchOfAPull(t *testing.T) {
	w := watch(t, nil, func(b *testbed) { b.e.URL = "" })
	w.put("u")
	w.sees("u-0 queued")
	r, err := w.w.Pull().Read(t.Context(), "")
	w.must(err)
	list, err := r.Next(t.Context(), 1, time.Minute)
	w.must(err)
	w.must(w.w.Pull().Ack(t.Context(), list[0].Cursor))
	w.sees("u-0 delivered 1 0")
}

// Whatever was reported of a delivery, it can be looked up at once.
func TestReportedIsKnown(t *testing.T) {
	w := watch(t, func(_ string, n int) int {
		if n%10 == 3 {
			return 422
		}
		return 0
	})
	d := NewDeliveries(w.s, []*Worker{w.w}, nil)
	const each = 30
	var puts sync.WaitGroup
	puts.Go(func() {
		for range each {
			w.putAll("u")
			w.putAll("v")
		}
	})
	rank := map[deliverylog.State]int{deliverylog.Queued: 0, deliverylog.Retrying: 1, deliverylog.Delivered: 2, deliverylog.Dead: 2}
	for ended := 0; ended < 2*each; {
		c := <-w.changes
		known, err := d.Get(context.Background(), c.ID)
		if err != nil || rank[known.State] < rank[c.State] {
			t.Fatalf("%s was reported as %s and is %q: %v", c.ID, c.State, known.State, err)
		}
		if rank[c.State] == 2 {
			ended++
		}
	}
	puts.Wait()
	w.must(w.w.Disable(t.Context(), "a test")) // so that an event is only queued
	for range each {
		w.put("w")
		c := <-w.changes
		if known, err := d.Get(context.Background(), c.ID); err != nil || known.State != deliverylog.Queued || known.From != c.From || known.Stanza == "" {
			t.Fatalf("%+v was reported, and is %+v: %v", c, known, err)
		}
	}
}
