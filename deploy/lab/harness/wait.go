//go:build linux

package harness

import (
	"testing"
	"time"
)

// Patience is how long a test waits for what takes a moment at most, on a machine that
// has nothing else to do; and on a busy one many times as long.
const Patience = time.Minute

// Eventually waits until something holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Await(t, what, Patience, holds)
}

// Await is Eventually for what may take longer.
func Await(t testing.TB, what string, within time.Duration, holds func() bool) {
	t.Helper()
	began, deadline := time.Now(), time.After(within)
	for !holds() {
		// What takes long is looked at more and more rarely: to look costs, and others run beside it.
		select {
		case <-time.After(min(max(time.Since(began)/20, 5*time.Millisecond), 50*time.Millisecond)):
		case <-deadline:
			t.Fatalf("in vain: %s", what)
		}
	}
}
