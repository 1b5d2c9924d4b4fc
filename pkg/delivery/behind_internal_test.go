package delivery

import (
	"fmt"
	"testing"
)

// An event tells how many of its conversation wait for it: those in memory, and those that
// are in the store alone.
func TestBehind(t *testing.T) {
	const n = 40
	b := newTestbed(t, func(string, int) int { return 503 })
	for range n {
		b.putAll("u")
	}
	b.put("v")
	b.until("most are in the store alone", func() bool { return b.w.Status().InMemory < n/2 })
	if first, known := b.w.Behind("evt_u-0"); !known || first != n-1 {
		t.Errorf("%d wait behind the first, %v", first, known)
	}
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
