//go:build integration

package faults

import (
	"testing"
	"time"

	"stanzahook/deploy/lab/load"
)

// awaitSaid waits until each user has written so many more messages.
func awaitSaid(tr *load.Traffic, n int) {
	tr.T.Helper()
	count := func(k *load.Person) int {
		k.Mu.Lock()
		defer k.Mu.Unlock()
		return len(k.Said)
	}
	goals := make(map[*load.Person]int)
	for _, k := range tr.People {
		goals[k] = count(k) + n
	}
	for k, goal := range goals {
		load.AwaitProgress(tr.T, k.Name+" writes", func() (int, bool) { return count(k), count(k) >= goal })
	}
}

// badNetwork is the rate at which a network hardly lets anything pass, in bytes a
// second.
const badNetwork = 6 << 10

// lasts is how long a fault lasts that has no event to wait for.
func lasts(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
