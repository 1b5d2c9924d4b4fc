package memory

import "testing"

// In a small heap there is as much garbage as is in use, in a larger one no more than room, in a very large one
// half of what is in use.
func TestPercent(t *testing.T) {
	for mib, want := range map[uint64]int{0: 100, 5: 100, 32: 100, 40: 80, 64: 50, 65: 50, 1000: 50} {
		if got := Percent(mib << 20); got != want {
			t.Errorf("%d MiB in use: %d %%, not %d", mib, got, want)
		}
	}
}
