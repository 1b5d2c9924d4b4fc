package delivery

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
		"mallory@a.example.org":       "a.example.org",
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
	j := jid.MustParse("mallory@example.org/a")
	if n := testing.AllocsPerRun(100, func() { senderOf(e, j) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func user(n int) jid.JID { return jid.MustParse(fmt.Sprintf("u%d@example.com", n)) }

// Who fails by what a status says does not open the breaker alone, and does not hold
// the others back before there are ten of them; two without an answer do both.
func TestBreakerBySender(t *testing.T) {
	for _, tc := range []struct {
		name           string
		senders, fails int
		fault          webhook.Fault
		open, free     bool
	}{
		{"one sender, by its content", 1, 1000, webhook.OfSender, false, true},
		{"two senders", 2, 10, webhook.OfSender, true, true},
		{"two senders, few failures", 2, 9, webhook.OfSender, false, true},
		{"nine senders", 9, 1000, webhook.OfSender, true, true},
		{"ten senders", 10, 10, webhook.OfSender, true, false},
		{"one sender, no answer", 1, 10, webhook.OfEndpoint, true, true},
		{"two senders, no answer", 2, 10, webhook.OfEndpoint, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var h breaker
			now := time.Now()
			for i := range tc.fails {
				now = now.Add(breakOver)
				h.failed(now, failing{sender: user(i % tc.senders), fault: tc.fault}, Failure{}, 0)
			}
			if open := h.status(now).Open; open != tc.open {
				t.Errorf("open: %v", open)
			}
			ok, _, _ := h.allow(now)
			one, probe := h.allowOne(now, jid.MustParse("innocent@example.com"))
			if ok != tc.free || one != tc.free || probe {
				t.Errorf("another sender may: %v %v, as a probe %v", ok, one, probe)
			}
			h.succeeded(now)
			if st := h.status(now); st.Open || st.Failing {
				t.Errorf("after a success %+v", st)
			}
		})
	}
}

// Whose probe has failed leaves the next one to the others.
func TestDirectProbesTakeTurns(t *testing.T) {
	var h breaker
	now := time.Now()
	for i := range 20 {
		now = now.Add(time.Second)
		h.failed(now, failing{sender: user(i % 2), fault: webhook.OfEndpoint}, Failure{}, 0)
	}
	for i := range 2 {
		now = h.probeAt
		if ok, probe := h.allowOne(now, user(i)); !ok || !probe {
			t.Fatalf("the first probe of %s: %v %v", user(i), ok, probe)
		}
		h.failed(now, failing{user(i), webhook.OfEndpoint, true}, Failure{}, 0)
	}
	now = h.probeAt
	for i := range 2 {
		if ok, probe := h.allowOne(now, user(i)); ok || probe {
			t.Errorf("%s probes again", user(i))
		}
	}
	if ok, probe := h.allowOne(now, user(2)); !ok || !probe {
		t.Error("the third does not probe")
	}
	h.cancelProbe()
	if ok, probe := h.allowOne(h.probeAt.Add(h.pause), user(0)); !ok || !probe {
		t.Error("where nobody else comes, the first probes again")
	}
}

// One sender alone has half of the slots, and those who wait take turns.
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
		if list := drain(); list != "" { // it is for who has none
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

// poison is from one sender to as many bots as it likes.
func (b *testbed) poison(from string, n int) {
	b.t.Helper()
	for i := range n {
		s := parsed(b.t, fmt.Sprintf("<message type='chat' id='%d' from='%s@example.com/r' to='p%d@bot.example.com'><body>x</body></message>", i, from, i))
		if !b.w.Enqueue(&webhook.Event{ID: fmt.Sprintf("evt_%s-p%d", from, i), Component: "bot.example.com", Received: time.Now(), Stanza: s}) {
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
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.RawQuery, "mallory") {
					hangs <- struct{}{}
					<-release
				} else {
					answered <- struct{}{}
				}
				w.WriteHeader(204)
			}))
			defer srv.Close()
			b := newTestbed(t, nil, func(e *webhook.Endpoint) {
				e.URL, e.Concurrency, e.Timeout, e.Queued = srv.URL+"/?from={from}", 8, time.Minute, queued
			})
			if queued {
				b.poison("mallory", 100)
			} else {
				for i := range 100 {
					ev := eventOf(t, fmt.Sprintf("<message id='%d' from='mallory@example.com/r' to='p%d@bot.example.com'/>", i, i))
					if !b.w.Deliver(ev) {
						t.Fatal("refused")
					}
				}
			}
			for range 4 {
				<-hangs
			}
			for i := range 40 {
				if name := fmt.Sprint("u", i%5); queued {
					b.put(name)
				} else if !b.w.Deliver(eventOf(t, fmt.Sprintf("<message id='%d' from='%s@example.com/r' to='echo@bot.example.com'/>", i, name))) {
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

// One sender fills half of what memory holds of a queue, and half of what may be
// under way directly.
func TestSharesOfMemory(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	b.poison("mallory", 1500)
	b.put("alice")
	q := b.w.queue
	q.mu.Lock()
	if m, a := q.sources[jid.MustParse("mallory@example.com")], q.sources[jid.MustParse("alice@example.com")]; m.held != usual.held/2 || a.held != 1 {
		t.Errorf("held: %d and %d of %d", m.held, a.held, usual.held)
	}
	q.mu.Unlock()
	if err := b.w.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.empty()

	var l keyedRunner
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
	if len(l.of) > 0 || l.jobs > 0 {
		t.Errorf("left: %v, %d", l.of, l.jobs)
	}
}

// The probes of a queue go round the senders, whatever their lanes.
func TestQueueProbesTakeTurns(t *testing.T) {
	b := newTestbed(t, func(string, int) int { return 0 })
	if err := b.w.Disable(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	b.poison("mallory", 30)
	b.poison("eve", 30)
	b.put("alice")
	q, h := b.w.queue, &b.w.breaker
	seen := map[string]int{}
	for range 6 {
		q.mu.Lock()
		l := q.probe()
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
