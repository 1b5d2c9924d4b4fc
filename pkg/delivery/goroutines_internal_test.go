package delivery

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"stanzahook/pkg/jid"
)

// Each function runs once, functions that wait for each other run side by side, and Close
// leaves no goroutine.
func TestGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Goroutines
		for round := range 3 {
			var all sync.WaitGroup
			var ran atomic.Int64
			const n = 3 * maxIdle
			all.Add(n)
			for range n {
				g.run(func() {
					ran.Add(1)
					all.Done()
					all.Wait() // none of them ends before all have begun
				})
			}
			synctest.Wait()
			if ran.Load() != n || len(g.idle) != maxIdle {
				t.Fatalf("round %d: %d of %d functions ran; %d goroutines wait, not %d", round, ran.Load(), n, len(g.idle), maxIdle)
			}
		}
		late := make(chan struct{})
		g.run(func() { <-late })
		g.Close()
		close(late) // and synctest fails if a goroutine is left
	})
}

// Workers that share goroutines wait for their own jobs only.
func TestGoroutinesShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Goroutines
		one, other := keyedRunner{goroutines: &g}, keyedRunner{goroutines: &g}
		hung, done := make(chan struct{}), false
		one.add("key", jid.MustParse("u@example.com"), 1, func(bool) { <-hung })
		other.add("key", jid.MustParse("u@example.com"), 1, func(bool) { done = true })
		other.close()
		if !done {
			t.Error("close did not wait for a job")
		}
		close(hung)
		one.close()
		g.Close()
	})
}
