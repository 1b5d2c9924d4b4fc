//go:build linux

package harness

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// SmallDisk mounts a file system of its own. It needs the right to mount.
func SmallDisk(t testing.TB, size string) string {
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

// FillDisk takes all the space that is left, and returns how to give it back.
func FillDisk(t testing.TB, dir string) (free func()) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	require.NoError(t, err)
	defer f.Close()
	var at int64
	for size := int64(1 << 30); size >= 4096; size /= 2 {
		for syscall.Fallocate(int(f.Fd()), 0, at, size) == nil {
			at += size
		}
	}
	return func() {
		require.NoError(t, os.Remove(f.Name()))
	}
}
