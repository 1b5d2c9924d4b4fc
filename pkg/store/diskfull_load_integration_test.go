//go:build integration

package store_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// Senders go on while the store is opened anew after a failed write: what it
// says it has stored then is there as well.
func TestDiskFullUnderLoad(t *testing.T) {
	for range 8 {
		dir := smallDisk(t, "128m")
		o := store.Options{Dir: filepath.Join(dir, "store"), Sync: store.SyncInterval, MaxBytes: 1 << 30, Log: zap.NewNop()}
		s, err := store.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		q := queue(t, s, "echo")
		var mu sync.Mutex
		kept := map[string]uint64{}
		var flying sync.WaitGroup
		n := 0
		put := func() bool {
			r := record(n, 0)
			n++
			flying.Add(1)
			err := q.Append(r, func(seq uint64, err error) {
				defer flying.Done()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					kept[r.ID] = seq
				}
			})
			if err != nil {
				flying.Done()
			}
			return !errors.Is(err, gateway.ErrFull)
		}
		until := func(want bool) {
			tick := time.NewTicker(50 * time.Microsecond)
			defer tick.Stop()
			for deadline := time.Now().Add(30 * time.Second); put() != want; <-tick.C {
				if time.Now().After(deadline) {
					t.Fatalf("events are taken: still not %v", want)
				}
			}
		}
		filled := make(chan func(), 1)
		go func() { filled <- hog(t, dir) }()
		until(false) // a write fails, or the store looks at the disk in time
		free := <-filled
		free()
		until(true)
		for range 50 {
			put()
		}
		flying.Wait()
		s.Close() // and with that, what is removed by mistake is gone
		if s, err = store.Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, r := range read(t, queue(t, s, "echo"), 0) {
			found[r.ID] = true
		}
		s.Close()
		for id, seq := range kept {
			if !found[id] {
				t.Errorf("%s was said to be stored at %d, and is lost", id, seq)
			}
		}
	}
}
