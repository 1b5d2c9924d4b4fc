package delivery

import (
	"context"
	"errors"
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

// newStopped is newHanding with n events of each user, when the worker has stopped.
func newStopped(t *testing.T, n int, users ...string) *handing {
	h := newHanding(t)
	for range n {
		for _, u := range users {
			h.put(u)
		}
	}
	h.waiting(n * len(users))
	h.stop()
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

func (h *handing) stop() { stop(h.t, h.w) }

func stop(t *testing.T, w *Worker) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w.Stop(ctx)
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
			h := newStopped(t, 20, "u1", "u2")
			stop(t, h.usual) // it delivers nothing, so that the next process has it all
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
			h.next(killed)
			h.until("all has come", func() bool { return len(h.heir.ids()) == 40 })
			h.heir.inOrder(t, h.sent, true)
		})
	}
}

// Killed when the other endpoint has all events, and has stored the first n of them: these
// alone are gone from the queue, and HandOver has not ended well. The next process has each
// event once, in order. It is the same if the store refuses the others.
func TestHandOverKilledBeforeStored(t *testing.T) {
	const all = 40
	for _, n := range []int{0, 1, 15, all - 1} {
		for _, refused := range []bool{false, true} {
			t.Run(fmt.Sprint(n, refused), func(t *testing.T) {
				h := newStopped(t, all/2, "u1", "u2")
				stop(t, h.usual) // it delivers nothing, so that the next process has it all
				slow, calls, ended := h.storesNothing(), 0, make(chan error, 1)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go func() {
					ended <- h.w.HandOver(ctx, func(string, *stanza.Stanza) *Worker {
						if calls++; calls <= n {
							return h.usual
						}
						return slow
					})
				}()
				h.until("the other endpoint stores", func() bool {
					h.w.queue.mu.Lock()
					defer h.w.queue.mu.Unlock()
					return h.w.queue.handover != nil && h.w.queue.handover.under == all-n && len(slow.late()) == all-n
				})
				if refused {
					for _, it := range slow.late() {
						it.onStored(errors.New("the disk is full"))
					}
				} else {
					cancel()
				}
				if err := <-ended; err == nil {
					t.Error("it ended well before the events were stored")
				}
				h.close() // what is acknowledged is gone from the disk then
				h.next(h.dir)
				h.until("all has come", func() bool { return len(h.heir.ids()) == all })
				h.heir.inOrder(t, h.sent, false)
			})
		}
	}
}

// storesNothing is another endpoint, which is itself handed over: it keeps the events of the
// conversations here in memory.
func (h *handing) storesNothing() *Worker {
	h.t.Helper()
	e := *h.e
	e.Name = "slow"
	w := newWorker(h.t, &e, h.link, h.log)
	h.must(w.Open(h.t.Context(), h.s))
	w.queue.handover = &handover{stirred: make(chan struct{}, 1)}
	for _, l := range h.w.queue.lanes {
		w.queue.lane(l.conversation, l.of.sender)
	}
	return w
}

// late are the events in memory of a worker whose queue is handed over.
func (w *Worker) late() (all []*item) {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	for _, l := range w.queue.lanes {
		all = append(all, l.late...)
	}
	return all
}

// next is the process after a kill, with the usual endpoint and a store.
func (h *handing) next(dir string) {
	h.t.Helper()
	b := &testbed{t: h.t, s: openStore(h.t, dir), link: &link{}, log: h.log}
	h.t.Cleanup(b.s.Close)
	usual := h.open(b)
	removed := &Removed{Store: b.s, Sender: b.link, MaxAge: time.Hour, Route: func(string, *stanza.Stanza) *Worker { return usual }}
	removed.claim(h.t.Context())
	removed.Sweep(h.t.Context())
}

// An event that is being stored when it begins is waited for, and handed over in its place.
func TestHandOverWhileStoring(t *testing.T) {
	for _, inMemory := range []bool{false, true} {
		t.Run(fmt.Sprint(inMemory), func(t *testing.T) {
			h := newStopped(t, 5, "u1")
			ev, q := h.event("u1"), h.w.queue
			h.sent["u1"]++
			r := recordOf(ev, senderOf(h.e, ev.Stanza.From), ev.Received)
			it := &item{Event: ev, since: ev.Received, size: len(r.Stanza)}
			q.mu.Lock()
			l := q.lanes[r.Conversation]
			q.count++
			if inMemory {
				l.storing++
				q.load(l, it)
			} else {
				l.tail++
				l.tailStoring++
			}
			q.mu.Unlock()
			began, ended := make(chan bool, 1), make(chan error, 1)
			ctx := watchedContext{t.Context(), func() {
				q.mu.Lock()
				defer q.mu.Unlock()
				select {
				case began <- l.state == busy:
				default:
				}
			}}
			go func() { ended <- h.w.HandOver(ctx, func(string, *stanza.Stanza) *Worker { return h.usual }) }()
			if <-began {
				t.Error("the conversation is handed over before its events are stored")
			}
			h.must(q.disk.Append(&r, func(seq uint64, err error) { q.onStored(l, it, inMemory, seq, err) }))
			h.must(<-ended)
			h.until("all has come", func() bool { return h.heir.accepted() >= h.total() })
			h.heir.inOrder(t, h.sent, false)
		})
	}
}

// watchedContext is a context that tells when somebody is about to wait for its end.
type watchedContext struct {
	context.Context
	tell func()
}

func (w watchedContext) Done() <-chan struct{} {
	w.tell()
	return w.Context.Done()
}

// What the other endpoint has no room for is given to it again, before what comes after it.
func TestHandOverRetried(t *testing.T) {
	h := newStopped(t, 20, "u1")
	full, calls := h.storesNothing(), 0
	full.queue.max.ahead = 0
	h.must(h.w.HandOver(t.Context(), func(string, *stanza.Stanza) *Worker {
		if calls++; calls%7 == 3 {
			return full
		}
		return h.usual
	}))
	h.until("all has come", func() bool { return h.heir.accepted() >= h.total() })
	h.heir.inOrder(t, h.sent, false)
	h.waiting(0) // the next process has none of it again
}

// Behind an event that no endpoint gets its conversation stays.
func TestHandOverStopsAtAnEvent(t *testing.T) {
	h := newStopped(t, 5, "u1")
	h.must(h.w.HandOver(t.Context(), func(_ string, s *stanza.Stanza) *Worker {
		if s.ID == "2" {
			return nil
		}
		return h.usual
	}))
	if left := h.w.Status().Queued; left != 3 {
		t.Errorf("%d are left", left)
	}
	h.until("the first have come", func() bool { return h.heir.accepted() >= 2 })
	h.heir.inOrder(t, map[string]int{"u1": 2}, false)
}

// What comes while the events that came meanwhile are given away goes behind these.
func TestHandOverWhileItEnds(t *testing.T) {
	h, calls := newStopped(t, 5, "u1"), 0
	h.must(h.w.HandOver(t.Context(), func(string, *stanza.Stanza) *Worker {
		if calls++; calls <= 12 {
			h.put("u1")
		}
		return h.usual
	}))
	h.until("all has come", func() bool { return h.heir.accepted() >= h.total() })
	h.heir.inOrder(t, h.sent, false)
}

// What the other endpoint cannot store stays, and is moved later.
func TestHandOverRefused(t *testing.T) {
	h := newStopped(t, 20, "u1")
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
