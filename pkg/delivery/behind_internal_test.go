package delivery

import (
	"fmt"
	"testing"
)

// An event tells how many of its conversation wait for it: those in memory, and those that
// are in the store alone.
func TestBehind(t *testing.T) {
	const n = 40 // more than a lane keeps in memory
	b := newTestbed(t, func(string, int) int { return 503 })
	for range n {
		b.putAll("u")
	}
	b.put("v")
	b.until("all are counted", func() bool {
		first, known := b.w.Behind("evt_u-0")
		return known && first == n-1
	})
	if second, known := b.w.Behind("evt_u-1"); known && second != n-2 {
		t.Errorf("%d wait behind the second", second)
	}
	if other, known := b.w.Behind("evt_v-0"); !known || other != 0 {
		t.Errorf("%d wait behind that of another sender, %v", other, known)
	}
	if _, known := b.w.Behind(fmt.Sprint("evt_u-", n)); known {
		t.Error("something waits behind an event that is not there")
	}
}
