package delivery

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stanzahook/pkg/jid"
	"stanzahook/pkg/webhook"
)

func TestSender(t *testing.T) {
	e := &webhook.Endpoint{Hosts: []string{"example.com", "bot.example.net"}}
	for from, want := range map[string]string{
		"alice@example.com/phone":     "alice@example.com",
		"room@rooms.example.com/nick": "room@rooms.example.com",
		"example.com":                 "example.com",
		"echo@bot.example.net":        "echo@bot.example.net",
		"mallory@example.org/a":       "example.org",
		"mallory@a.example.org":       "example.org",
		"mallory@b.a.dyndns.org":      "a.dyndns.org",
		"mallory@notexample.com/x":    "notexample.com",
		"mallory@example.net":         "example.net",
		"mallory@com":                 "com",
	} {
		if got := senderOf(e, jid.MustParse(from)).String(); got != want {
			t.Errorf("%s counts as %s, want %s", from, got, want)
		}
	}
	if got := senderOf(&webhook.Endpoint{}, jid.MustParse("a@example.org/r")).String(); got != "a@example.org" {
		t.Errorf("without hosts: %s", got)
	}
	j := jid.MustParse("alice@example.com/a")
	if n := testing.AllocsPerRun(100, func() { senderOf(e, j) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func user(n int) jid.JID { return jid.MustParse(fmt.Sprintf("u%d@example.com", n)) }

// One sender alone has half of the slots, and waiting senders take turns.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(8)
		got := make(chan string, 100)
		take := func(n int, times int) {
			for range times {
				go func() {
					if s.take(user(n), t.Context().Done()) {
						got <- user(n).Local()
					}
				}()
			}
			synctest.Wait()
		}
		drain := func() string {
			var list []string
			for len(got) > 0 {
				list = append(list, <-got)
			}
			return strings.Join(list, " ")
		}
		take(0, 50)
		if list := drain(); list != "u0 u0 u0 u0" {
			t.Errorf("one sender: %s", list)
		}
		take(1, 50)
		take(2, 50)
		if list := drain(); list != "u1 u1 u2" {
			t.Errorf("two more: %s", list)
		}
		take(3, 2)
		if list := drain(); list != "u3" || s.used() != 8 {
			t.Errorf("and one more: %s, %d used", list, s.used())
		}
		s.give(user(0))
		synctest.Wait()
		if list := drain(); list != "" { // it is for a sender without one
			t.Errorf("after one was given back: %s", list)
		}
		s.give(user(0))
		synctest.Wait()
		if list := drain(); list != "u2" {
			t.Errorf("after two were given back: %s", list)
		}
		take(4, 2)
		if list := drain(); list != "u4" || s.used() != 8 {
			t.Errorf("a new sender: %s, %d used", list, s.used())
		}
	})
}

// What is remembered of senders that hold no slot is bounded, and theirs is the same share when
// they come again.
func TestSlotsOfManySenders(t *testing.T) {
	s := newSlots(4)
	for i := range 1000 {
		if !s.take(user(i), nil) || !s.take(user(i%3), nil) {
			t.Fatal("no slot")
		}
		s.give(user(i))
		s.give(user(i % 3))
		if len(s.of) > 2*s.all+1 || len(s.of) != s.rest || len(s.spare) > s.all {
			t.Fatalf("%d shares, %d of them rest, %d spare", len(s.of), s.rest, len(s.spare))
		}
	}
	if s.used() != 0 {
		t.Errorf("%d used", s.used())
	}
}

// poison gives a worker n events from one sender, each to another bot.
func (b *testbed) poison(from string, n int) {
	b.t.Helper()
	for i := range n {
		s := parsed(fmt.Sprintf("<message type='chat' id='%d' from='%s@example.com/r' to='p%d@bot.example.com'><body>x</body></message>", i, from, i))
		if !b.give(&webhook.Event{ID: fmt.Sprintf("evt_%s-p%d", from, i), Component: domain, Stanza: s}) {
			b.t.Fatal("refused")
		}
	}
}

// A sender whose messages make the bot hang, in as many conversations as it likes,
// leaves slots, places in memory and turns to the others.
func TestHangingSender(t *testing.T) {
	for _, queued := range []bool{true, false} {
		t.Run(fmt.Sprintf("queued=%v", queued), func(t *testing.T) {
			release := make(chan struct{})
			hangs := make(chan struct{}, 1000)
			answered := make(chan struct{}, 1000)
			b := newTestbed(t, func(user string, _ int) int {
				if user == "mallory" {
					hangs <- struct{}{}
					<-release
				} else {
					answered <- struct{}{}
				}
				return 0
			}, func(b *testbed) { b.e.Concurrency, b.e.Timeout, b.e.Queued = 8, time.Minute, queued })
			b.poison("mallory", 100)
			for range 4 {
				<-hangs
			}
			for i := range 40 {
				if !b.put(fmt.Sprint("u", i%5)) {
					t.Fatal("refused")
				}
			}
			for range 40 {
				<-answered
			}
			if len(hangs) > 0 {
				t.Errorf("%d more than half of the slots hang", len(hangs))
			}
			close(release)
			if queued {
				b.empty()
			}
			if queued && len(b.w.queue.sources) > 0 {
				t.Errorf("%d senders are left", len(b.w.queue.sources))
			}
		})
	}
}

// One sender fills half of a queue's memory, and half of the direct attempts.
func TestSharesOfMemory(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	b.poison("mallory", 1500)
	b.put("alice")
	q := b.w.queue
	q.mu.Lock()
	if m, a := q.sources[jid.MustParse("mallory@example.com")], q.sources[jid.MustParse("alice@example.com")]; m.held != usual.held/2 || a.held != 1 {
		t.Errorf("held: %d and %d of %d", m.held, a.held, usual.held)
	}
	q.mu.Unlock()
	b.must(b.w.Enable(t.Context()))
	b.empty()

	l := keyedRunner{goroutines: new(Goroutines)}
	wait := make(chan struct{})
	n := 0
	for l.add("", user(1), 100, func(bool) { <-wait }) {
		n++
	}
	if other := l.add("", user(2), 100, func(bool) { <-wait }); n != 50 || !other {
		t.Errorf("one sender has %d of 100, another gets one: %v", n, other)
	}
	close(wait)
	l.close()
	l.goroutines.Close()
	if len(l.of) > 0 || l.jobs > 0 {
		t.Errorf("left: %v, %d", l.of, l.jobs)
	}
}

// The probes of a queue go round the senders, whatever their lanes.
func TestQueueProbesTakeTurns(t *testing.T) {
	b := newTestbed(t, nil)
	b.must(b.w.Disable(t.Context(), "test"))
	b.poison("mallory", 30)
	b.poison("eve", 30)
	b.put("alice")
	q, h := b.w.queue, &b.w.attempts.breaker
	seen := map[string]int{}
	for range 6 {
		q.mu.Lock()
		l := q.probe(h.lastProbeOf)
		seen[l.of.sender.Local()]++
		q.mu.Unlock()
		h.mu.Lock()
		h.noteProbe(l.of.sender)
		h.mu.Unlock()
	}
	if seen["mallory"] != 2 || seen["eve"] != 2 || seen["alice"] != 2 {
		t.Errorf("probes %v", seen)
	}
}
