//go:build integration

package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"stanzahook/pkg/gateway"
	"stanzahook/pkg/store"
)

// smallDisk mounts a file system of its own. It needs the right to mount.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("this test needs a small file system, and mounting one failed (%v); run it as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// hog takes all the space that is left, and returns how to give it back.
func hog(t *testing.T, dir string) func() {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "hog"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := int64(1 << 30); size >= 4096; size /= 2 {
		var at int64
		if st, err := f.Stat(); err == nil {
			at = st.Size()
		}
		for syscall.Fallocate(int(f.Fd()), 0, at, size) == nil {
			at += size
		}
	}
	return func() {
		if err := os.Remove(f.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// The disk fills up under load: whoever is told that an event is stored finds
// it again, everybody else is told at once that it is not, and when there is
// room the store takes events again by itself.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, "64m")
	o := store.Options{Dir: filepath.Join(dir, "store"), Sync: store.SyncInterval, MaxBytes: 1 << 30, Log: zap.NewNop()}
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	q := queue(t, s, "echo")
	var mu sync.Mutex
	kept, refused := map[string]bool{}, 0
	n := 0
	put := func() bool {
		r := record(n, n%7)
		n++
		done := make(chan error, 1)
		err := q.Append(r, func(_ uint64, err error) { done <- err })
		if err == nil {
			select {
			case err = <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("no answer for 20 s")
			}
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			kept[r.ID] = true
		case errors.Is(err, gateway.ErrFull):
			refused++
		default:
			t.Fatalf("an error that does not say the store is full: %v", err)
		}
		return err == nil
	}
	until := func(want bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); put() != want; {
			if time.Now().After(deadline) {
				t.Fatalf("events are taken: still not %v", want)
			}
		}
	}
	for round := range 3 {
		for range 500 {
			put()
		}
		free := hog(t, dir)
		until(false)
		for range 100 {
			put()
		}
		if err := s.Ready(t.Context()); err == nil {
			t.Error("the store says that it is ready")
		}
		free()
		until(true)
		if err := s.Ready(t.Context()); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	check := func() {
		t.Helper()
		found := map[string]bool{}
		for c := range 7 {
			for _, r := range read(t, q, c) {
				found[r.ID] = true
			}
		}
		for id := range kept {
			if !found[id] {
				t.Errorf("%s was said to be stored, and is lost", id)
			}
		}
		for id := range found {
			if !kept[id] {
				t.Errorf("%s was refused, and is there", id)
			}
		}
	}
	check()
	s.Close()
	if s, err = store.Open(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	q = queue(t, s, "echo")
	check()
	t.Log(fmt.Sprint(len(kept), " stored, ", refused, " refused"))
}
