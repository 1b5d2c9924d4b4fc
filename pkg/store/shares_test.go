package store_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// A sender has a quarter of what events may take, in all queues together; others go on,
// and so does he when his are answered.
func TestShareOfASender(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	const size = 100_000
	most := int(s.Load().MaxEventBytes / 4 / size)
	hook, pulled := queue(t, s, "hook"), queue(t, s, "pulled")
	require.NoError(t, pulled.Pull(t.Context()))
	places := make(map[*store.Queue][]uint64)
	put := func(q *store.Queue, sender string, n int) error {
		r := record(n, n)
		r.Sender, r.Stanza = sender, strings.Repeat("x", size)
		stored := make(chan error, 1)
		if err := q.Append(r, func(seq uint64, err error) { places[q] = append(places[q], seq); stored <- err }); err != nil {
			return err
		}
		return <-stored
	}
	n := 0
	for ; n <= most; n++ {
		if err := put([]*store.Queue{hook, pulled}[n%2], "mallory@example.com", n); err != nil {
			if !errors.Is(err, gateway.ErrFull) || !strings.Contains(err.Error(), "share") {
				t.Errorf("%d: %v", n, err)
			}
			break
		}
	}
	if n < most-1 || n > most {
		t.Errorf("%d of %d bytes were taken, %d are a share", n, size, most)
	}
	for i, sender := range []string{"alice@example.com", "bob@example.com", ""} {
		if err := put(hook, sender, 1000+i); err != nil {
			t.Errorf("%q: %v", sender, err)
		}
	}
	hook.Ack(record(0, 0).Conversation, places[hook][0])
	if err := put(hook, "mallory@example.com", 2000); err != nil {
		t.Errorf("after one was answered: %v", err)
	}
	if err := put(hook, "mallory@example.com", 2001); err == nil {
		t.Error("one more than was answered")
	}
	pulled.AckThrough(places[pulled][len(places[pulled])-1])
	for i := range len(places[pulled]) {
		if err := put(hook, "mallory@example.com", 3000+i); err != nil {
			t.Errorf("after all that were pulled: %v", err)
			break
		}
	}
}

// A sender's name is cut out of a stanza. What the queue keeps of an event in memory does
// not keep the stanza.
func TestWaitingEventsLeaveMemory(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	q := queue(t, s, "hook")
	const n, size = 500, 100_000
	stored := make(chan error, n)
	before := heap()
	for i := range n {
		r := record(i, i)
		r.Sender = strings.Repeat("x", size)[:3] // of all of them the same
		require.NoError(t, q.Append(r, func(_ uint64, err error) { stored <- err }))
	}
	for range n {
		require.NoError(t, <-stored)
	}
	if more := heap() - before; more > n*size/4 {
		t.Errorf("%d events that wait keep %d bytes in memory", n, more)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
