package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"stanzahook/pkg/stanza"
)

// A link that is full makes replies wait; nothing is lost or reordered.
func TestBusyLink(t *testing.T) {
	b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "answer")
	})
	l := newLink()
	l.busy = 2
	r := newRig(t, t.TempDir(), endpoint(b.URL), l)
	r.put(t, "1", "u")
	r.put(t, "2", "u")
	sent := l.wait(t, 2)
	if sent[0].ID != "evt_1-1" || sent[1].ID != "evt_2-1" {
		t.Errorf("ids %s, %s", sent[0].ID, sent[1].ID)
	}
}

// A reply that the server never takes: the sender is told, the event is over.
func TestRejectedReply(t *testing.T) {
	b := newBot(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, "answer")
	})
	l := newLink()
	l.reject = "evt_1-1"
	r := newRig(t, t.TempDir(), endpoint(b.URL), l)
	r.put(t, "1", "u")
	sent := l.wait(t, 2)
	for _, s := range sent {
		e, failed := s.StanzaError()
		if s.ID == "1" && (!failed || e.Condition != stanza.InternalServerError) || s.ID != "1" && s.ID != "evt_1-1" {
			t.Errorf("sent %s", s.XML())
		}
	}
	r.empty(t)
	if n := len(b.seen()); n != 1 {
		t.Errorf("%d attempts", n)
	}
}

// Stopping breaks off what hangs, and leaves it in the store.
func TestStopLeavesUnansweredInTheStore(t *testing.T) {
	hang := make(chan struct{})
	b := newBot(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	dir := t.TempDir()
	r := newRig(t, dir, endpoint(b.URL), newLink())
	r.put(t, "1", "u")
	r.put(t, "2", "u")
	waitFor(t, func() bool { return len(b.seen()) == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	r.w.Stop(ctx)
	if n, err := r.store.Waiting(t.Context()); err != nil || n != 2 {
		t.Errorf("%d events are in the store, want 2 (%v)", n, err)
	}
}
