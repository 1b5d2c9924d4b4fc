package delivery

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// handing is a temporary endpoint whose bot refuses all, beside the usual one.
type handing struct {
	*testbed
	usual *Worker
	heir  *listener
	url   string
}

func newHanding(t *testing.T) *handing {
	h := &handing{heir: &listener{got: map[string][]int{}, seen: map[string]int{}}}
	srv := httptest.NewServer(h.heir)
	t.Cleanup(srv.Close)
	h.url = srv.URL
	h.testbed = newTestbed(t, func(string, int) int { return 500 }, func(b *testbed) { b.e.Name = TemporaryName + "x" })
	h.usual = h.open(h.testbed)
	return h
}

// open opens the usual endpoint in the store of a testbed.
func (h *handing) open(b *testbed) *Worker {
	h.t.Helper()
	e := *h.e
	e.Name, e.URL = "usual", h.url
	w := newWorker(h.t, &e, b.link, b.log)
	h.must(w.Open(h.t.Context(), b.s))
	return w
}

func (h *handing) stop() {
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	h.w.Stop(ctx)
}

// What waits goes to the other endpoint, and what comes meanwhile goes behind it: what has
// nothing before it at once. An event that no endpoint gets stays, with those behind it.
func TestHandOver(t *testing.T) {
	h := newHanding(t)
	for range 300 {
		h.put("u1")
	}
	for range 3 {
		h.put("u2")
		h.put("nobody")
	}
	h.waiting(306)
	h.stop()
	calls := 0
	h.must(h.w.HandOver(t.Context(), func(_ string, s *stanza.Stanza) *Worker {
		if calls++; calls%50 == 0 && calls < 400 {
			h.put("u1")
			h.put("new")
		}
		if s.From.Local() == "nobody" {
			return nil
		}
		return h.usual
	}))
	if h.put("nobody") || h.w.Status().Queued != 3 {
		t.Errorf("another is taken, or %d are left", h.w.Status().Queued)
	}
	h.put("u2")
	delete(h.sent, "nobody")
	h.until("all has come", func() bool { return h.heir.accepted() >= h.total() })
	h.heir.inOrder(t, h.sent, false)
}

// Killed at any point of it, the next process has each event, in order, some twice.
func TestHandOverKilled(t *testing.T) {
	for at := range 4 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			h := newHanding(t)
			for range 20 {
				h.put("u1")
				h.put("u2")
			}
			h.waiting(40)
			h.stop()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			h.usual.Stop(ctx) // it delivers nothing, so that the next process has it all
			killed, calls := t.TempDir(), 0
			kill := func() {
				if calls == at*15 {
					h.must(os.CopyFS(killed, os.DirFS(h.dir)))
				}
				calls++
			}
			h.must(h.w.HandOver(t.Context(), func(string, *stanza.Stanza) *Worker { kill(); return h.usual }))
			for calls <= 3*15 {
				kill()
			}
			next := &testbed{t: t, s: openStore(t, killed), link: &link{}, log: h.log}
			t.Cleanup(next.s.Close)
			usual := h.open(next)
			removed := &Removed{Store: next.s, Sender: next.link, MaxAge: time.Hour, Route: func(string, *stanza.Stanza) *Worker { return usual }}
			removed.claim(t.Context())
			removed.Sweep(t.Context())
			h.until("all has come", func() bool { return len(h.heir.ids()) == 40 })
			h.heir.inOrder(t, h.sent, true)
		})
	}
}

// What the other endpoint cannot store stays, and is moved later.
func TestHandOverRefused(t *testing.T) {
	h := newHanding(t)
	for range 20 {
		h.put("u1")
	}
	h.waiting(20)
	h.stop()
	full := &testbed{t: t, s: openStore(t, t.TempDir()), link: h.link, log: h.log}
	refuses := h.open(full)
	full.s.Close()
	if err := h.w.HandOver(t.Context(), func(string, *stanza.Stanza) *Worker { return refuses }); err == nil {
		t.Error("it is handed over")
	}
	disk, err := h.w.Remove(t.Context())
	h.must(err)
	removed := &Removed{Store: h.s, Sender: h.link, MaxAge: time.Hour, Route: func(string, *stanza.Stanza) *Worker { return h.usual }}
	removed.Add(h.w.name, disk)
	removed.Sweep(t.Context())
	h.until("all has come", func() bool { return h.heir.accepted() >= h.total() })
	h.heir.inOrder(t, h.sent, false)
}

// ids returns the webhook-ids that were accepted.
func (b *listener) ids() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[string]int, len(b.seen))
	for id, n := range b.seen {
		all[id] = n
	}
	return all
}
