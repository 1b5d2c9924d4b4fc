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

// Many events are under way when a write fails: none that was refused is read
// afterwards.
func TestDiskFullRefusedIsGone(t *testing.T) {
	for round := range 8 {
		dir := smallDisk(t, "128m")
		s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "store"), Sync: store.SyncInterval, MaxBytes: 1 << 30, Log: zap.NewNop()})
		if err != nil {
			t.Fatal(err)
		}
		q := queue(t, s, "echo")
		var mu sync.Mutex
		kept, refused := map[string]bool{}, map[string]bool{}
		var flying sync.WaitGroup
		n := 0
		put := func() bool {
			r := record(n, 0)
			n++
			flying.Add(1)
			if err := q.Append(r, func(_ uint64, err error) {
				defer flying.Done()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					kept[r.ID] = true
				} else {
					refused[r.ID] = true
				}
			}); err != nil {
				flying.Done()
				return !errors.Is(err, gateway.ErrFull)
			}
			return true
		}
		filled := make(chan func(), 1)
		go func() { filled <- hog(t, dir) }()
		for put() && n < 8000 {
		}
		free := <-filled
		flying.Wait()
		free()
		for deadline := time.Now().Add(30 * time.Second); s.Ready(t.Context()) != nil; {
			if time.Now().After(deadline) {
				t.Fatal("still not ready")
			}
		}
		lost, back := 0, 0
		found := map[string]bool{}
		for _, r := range read(t, q, 0) {
			found[r.ID] = true
			if refused[r.ID] {
				back++
			}
		}
		for id := range kept {
			if !found[id] {
				lost++
			}
		}
		s.Close()
		if back > 0 || lost > 0 {
			t.Errorf("round %d: %d were refused, and %d of them are there; %d were stored, and %d of them are lost", round, len(refused), back, len(kept), lost)
		}
	}
}
