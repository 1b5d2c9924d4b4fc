package store

import "testing"

// What the kinds of records reserve fits into a small store, too.
func TestSmallStore(t *testing.T) {
	for _, mib := range []int64{16, 17, 24, 32} {
		s, err := Open(t.Context(), Elsewhere(Options{Dir: t.TempDir(), MaxBytes: mib << 20, OutboxBytes: mib << 18}))
		if err != nil {
			t.Errorf("%d MiB: %v", mib, err)
			continue
		}
		s.Close()
	}
}
