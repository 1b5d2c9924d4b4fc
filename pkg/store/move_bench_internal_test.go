package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkMove is what it costs to move events that wait among those of other endpoints.
func BenchmarkMove(b *testing.B) {
	s, err := Open(b.Context(), Options{Dir: b.TempDir(), MaxBytes: 4 << 30})
	require.NoError(b, err)
	defer s.Close()
	s.queues.recent.mu.Lock()
	s.queues.recent.heldFor = time.Hour // nobody else moves them
	s.queues.recent.mu.Unlock()
	var queues [2]*Queue
	for i, name := range []string{"down", "up"} {
		queues[i], err = s.Queues().Open(b.Context(), name)
		require.NoError(b, err)
	}
	down, up := queues[0], queues[1]
	const at = 10_000 // events at a time
	stanza := "<message>" + strings.Repeat("x", 400) + "</message>"
	for n := 0; n < b.N; n += at {
		b.StopTimer()
		var stored sync.WaitGroup
		for i := range 2 * at {
			q := queues[i%2]
			r := Record{ID: fmt.Sprintf("evt_%d", n+i), Component: "bot.example.com", Conversation: fmt.Sprint("c", i%500), Received: time.UnixMilli(1), Since: time.UnixMilli(2), Stanza: stanza}
			stored.Add(1)
			require.NoError(b, q.Append(&r, func(seq uint64, err error) {
				if q == up {
					up.Ack(r.Conversation, seq)
				}
				stored.Done()
			}))
			if i%1000 == 999 {
				stored.Wait()
			}
		}
		b.StartTimer()
		require.NoError(b, down.moveAll(b.Context()))
	}
}
