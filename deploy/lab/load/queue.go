//go:build linux

package load

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stanzahook/pkg/store"
)

const (
	startConversations = 10_000
	StartRounds        = 3
)

// FillQueue puts events into the queue of the endpoint: chat messages of 400 bytes, of
// all conversations in turn.
func FillQueue(t testing.TB, dir string, n int) {
	t.Helper()
	FillQueueOf(t, OpenStore(t, dir), n)
}

// FillQueueOf is FillQueue of a store that is open, which it closes.
func FillQueueOf(t testing.TB, s *store.Store, n int) {
	t.Helper()
	defer s.Close()
	q, err := s.Queues().Open(t.Context(), "echo")
	if err != nil {
		t.Fatal(err)
	}
	var conversations [startConversations]string
	for i := range conversations {
		conversations[i] = store.Conversation(fmt.Sprintf("u%d@localhost", i), "echo@load.localhost")
	}
	room := make(chan struct{}, 4096) // fewer than the store lets wait
	var failed atomic.Value
	var wg sync.WaitGroup
	now := time.Now()
	for i := range n {
		room <- struct{}{}
		wg.Add(1)
		user, number := i%startConversations, i/startConversations
		text := fmt.Sprintf("<message type='chat' id='m%d' from='u%d@localhost/r' to='echo@load.localhost'><body>", i, user)
		text += strings.Repeat("x", 400-len(text)-len("</body></message>")) + "</body></message>"
		r := &store.Record{ID: fmt.Sprintf("evt_%d-%d", user, number), Component: "load.localhost", Conversation: conversations[user], Received: now, Since: now, Stanza: text}
		if err := q.Append(r, func(_ uint64, err error) {
			if err != nil {
				failed.Store(err)
			}
			<-room
			wg.Done()
		}); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Fatal(err)
	}
}
