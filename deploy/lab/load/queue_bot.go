//go:build linux

package load

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// OrderBot receives the events of FillQueue and checks their order. It counts repeated events by their
// id.
type OrderBot struct {
	Taken, Bad, Again atomic.Int64
	First             atomic.Value // bad event
	Down              atomic.Bool  // it takes none, and answers 503

	mu   sync.Mutex
	next map[string]int // of each user
}

// NewOrderBot returns a bot that has taken nothing.
func NewOrderBot() *OrderBot { return &OrderBot{next: make(map[string]int)} }

// ServeHTTP implements http.Handler.
func (b *OrderBot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		return
	}
	body, err := io.ReadAll(r.Body)
	if b.Down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	user, number, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("Webhook-Id"), "evt_"), "-")
	n, _ := strconv.Atoi(number) // a bad one is not the next
	b.mu.Lock()
	again := ok && n == b.next[user]-1
	ok = ok && err == nil && n == b.next[user] && bytes.Contains(body, []byte("u"+user+"@localhost/r"))
	if ok {
		b.next[user]++
	}
	b.mu.Unlock()
	switch {
	case ok:
		b.Taken.Add(1)
	case again:
		b.Again.Add(1)
	case b.Bad.Add(1) == 1:
		b.First.Store(r.Header.Get("Webhook-Id"))
	}
	w.WriteHeader(http.StatusNoContent)
}
