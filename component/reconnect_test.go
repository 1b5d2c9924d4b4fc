package component_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"stanzahook/component"
	"stanzahook/component/componenttest"
	"stanzahook/pkg/jid"
	"stanzahook/pkg/secret"
	"stanzahook/pkg/stanza"
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
	manyReconnects(t, 1000, domain, srv.Addr(), srv.Drop)
}

// manyReconnects has a link lose its connection n times; drop ends the connection that is up.
func manyReconnects(t *testing.T, n int, domain, addr string, drop func()) {
	t.Helper()
	l := component.New(component.Options{Domain: jid.MustParse(domain), Addr: addr, Secret: secret.New("secret"),
		Pace: component.Pace{First: time.Microsecond, Max: time.Microsecond, MaxSlow: time.Microsecond, Conflict: time.Microsecond}})
	defer componenttest.Run(t, l)()
	round := func() {
		t.Helper()
		s := stanza.Must(stanza.Chat(jid.MustParse(domain), jid.MustParse("nobody@localhost"), "x", "hello"))
		if err := componenttest.Confirm(t.Context(), l, s); err != nil {
			t.Fatal(err)
		}
		before := l.Counters.Reconnects.Load()
		drop()
		componenttest.Eventually(t, "the end of the connection", func() bool { return l.Counters.Reconnects.Load() > before })
	}
	for range 50 {
		round()
	}
	settle := func() (int, int, uint64) {
		componenttest.Eventually(t, "connected", l.Connected)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return runtime.NumGoroutine(), descriptors(), m.HeapAlloc
	}
	goroutines, files, heap := settle()
	for range n {
		round()
	}
	var g, f int
	var h uint64
	componenttest.Eventually(t, "as few goroutines and descriptors as before", func() bool {
		g, f, h = settle()
		return g <= goroutines+2 && f <= files+2
	})
	if h > heap+8<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heap, h)
	}
	t.Logf("goroutines %d → %d, descriptors %d → %d, heap %d → %d KiB", goroutines, g, files, f, heap>>10, h>>10)
}
