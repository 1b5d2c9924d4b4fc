//go:build integration

package faults

import (
	"testing"
	"time"

	"stanzahook/deploy/lab/harness"
	"stanzahook/deploy/lab/load"
)

// besideOthers runs a test beside others, but for its full form: that measures, and has the
// machine to itself.
func besideOthers(t *testing.T) {
	if !harness.FullFaults() {
		t.Parallel()
	}
}

// awaitSaid waits until each user has written so many more messages.
func awaitSaid(tr *load.Traffic, n int) {
	tr.T.Helper()
	awaitMore(tr, " writes", n, func(k *load.Person) int { return len(k.Said) })
}

// awaitPosted waits until so many more messages have been posted to each user.
func awaitPosted(tr *load.Traffic, n int) {
	tr.T.Helper()
	awaitMore(tr, " is written to", n, func(k *load.Person) int { return len(k.Posted) })
}

func awaitMore(tr *load.Traffic, what string, n int, of func(*load.Person) int) {
	tr.T.Helper()
	count := func(k *load.Person) int {
		k.Mu.Lock()
		defer k.Mu.Unlock()
		return of(k)
	}
	goals := make(map[*load.Person]int)
	for _, k := range tr.People {
		goals[k] = count(k) + n
	}
	for k, goal := range goals {
		load.AwaitProgress(tr.T, k.Name+what, func() (int, bool) { return count(k), count(k) >= goal })
	}
}

// awaitCount waits until so many messages are accepted, as long as it goes on.
func awaitCount(t *testing.T, total func() int, n int) {
	t.Helper()
	load.AwaitProgress(t, "messages are accepted", func() (int, bool) { now := total(); return now, now >= n })
}

// badNetwork is the rate at which a network hardly lets anything pass, in bytes a
// second.
const badNetwork = 6 << 10

// duringSlowness makes the way slow: first each piece is late, then hardly anything passes.
func duringSlowness(tr *load.Traffic, way *harness.Relay, lasting time.Duration) {
	for _, s := range []struct {
		what      string
		late      time.Duration
		perSecond int
	}{{"delay", 50 * time.Millisecond, 0}, {"throttled", 0, badNetwork}} {
		tr.During(s.what, "", "", func() {
			way.Slow(s.late, s.perSecond)
			lasts(tr.T, lasting)
			way.Slow(0, 0)
		})
	}
}

// lasts is how long a fault lasts that has no event to wait for.
func lasts(t testing.TB, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
