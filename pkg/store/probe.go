package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Probe examines the directory of a store, which need not exist, without opening the
// store and without making anything. It returns the free bytes of the disk, and how many
// of them are kept free. Until release is called, a store in it cannot be opened: Probe
// holds its lock.
// Errors: ErrLocked; one that says that the directory cannot be written to.
func Probe(dir string) (free, keep uint64, release func(), err error) {
	release = func() {}
	at := dir
	for { // a directory that is not there is made in the nearest one that is
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return 0, 0, release, fmt.Errorf("%s is no directory", at)
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
		at = filepath.Dir(at)
	}
	const write, search = 2, 1 // W_OK and X_OK of access(2)
	if err := syscall.Access(at, write|search); err != nil {
		return 0, 0, release, fmt.Errorf("%s cannot be written to: %w", at, err)
	}
	lock, err := os.Open(filepath.Join(dir, lockName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return 0, 0, release, err
	default:
		if err := flock(lock); err != nil {
			return 0, 0, release, err
		}
		release = func() { _ = lock.Close() } // nothing was written
	}
	free, total := diskSpace(at)
	return free, min(reserve, total/10), release, nil
}
