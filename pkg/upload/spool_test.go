package upload

import (
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// The spool has a bound, and one caller has half of it.
func TestSpool(t *testing.T) {
	r := newRig(t, func(s *Settings) { s.MaxBytes, s.Spool = 8<<20, 4<<20 })
	_, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Size: -1, Body: io.LimitReader(rand.Reader, 3<<20)})
	if reasonOf(err) != NoRoom {
		t.Error(err)
	}
	if _, err := r.Put(t.Context(), Upload{Bot: bot, Caller: "app", Size: -1, Body: io.LimitReader(rand.Reader, 1<<20)}); err != nil {
		t.Error(err)
	}
}

// 100 MiB go through with less than 2 MiB of memory, all that is allocated counted.
func TestMemory(t *testing.T) {
	const size = 100 << 20
	r := newRig(t, func(s *Settings) { s.MaxBytes = size })
	r.put = func(w http.ResponseWriter, q *http.Request) bool {
		if n, err := io.Copy(io.Discard, q.Body); n != size || err != nil {
			t.Errorf("%d bytes arrived: %v", n, err)
		}
		w.WriteHeader(http.StatusCreated)
		return true
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := r.Put(t.Context(), Upload{Bot: bot, Type: "image/jpeg", Size: size, Body: zeros{}.limited(size)}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 2<<20 {
		t.Errorf("%d bytes were allocated for %d", n, size)
	}
}

// A file that a killed process had no time to take the name from is removed at the next start,
// and nothing else is.
func TestSpooledAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"upload-123", "lock", "upload"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	New(Options{Dir: dir})
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "lock" || left[1].Name() != "upload" {
		t.Errorf("%v %v", left, err)
	}
}
