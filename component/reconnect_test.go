package component_test

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
)

// descriptors returns how many files this process has open; -1 where that
// cannot be told.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

// A thousand lost connections leave nothing behind, and lose nothing.
func TestAThousandReconnects(t *testing.T) {
	srv := componenttest.NewServer(t, domain, "secret")
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	l := component.New(component.Options{Domain: jid.MustParse(domain), Addr: srv.Addr(), Secret: secret.New("secret"), Handler: component.Chain{}, Log: zap.NewNop(),
		Pace: component.Pace{First: time.Microsecond, Max: time.Microsecond, MaxSlow: time.Microsecond, Conflict: time.Microsecond}})
	wg.Go(func() { l.Run(ctx) })
	round := func(n int) {
		srv.WaitConnected(n)
		if err := confirm(t.Context(), l, message("x", "u@example.com")); err != nil {
			t.Fatal(err)
		}
		srv.Drop()
	}
	n := 1
	for ; n <= 50; n++ {
		round(n)
	}
	settle := func() (int, int, uint64) {
		srv.WaitConnected(n)
		eventually(t, "connected", l.Connected)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), descriptors(), m.HeapAlloc
	}
	goroutines, files, heap := settle()
	for ; n <= 1050; n++ {
		round(n)
	}
	var g, f int
	var h uint64
	eventually(t, "as few goroutines and descriptors as before", func() bool {
		g, f, h = settle()
		return g <= goroutines+2 && f <= files+2
	})
	if h > heap+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heap, h)
	}
	t.Logf("goroutines %d → %d, descriptors %d → %d, heap %d → %d KiB", goroutines, g, files, f, heap>>10, h>>10)
}
