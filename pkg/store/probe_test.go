package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/store"
)

func TestProbe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	free, keep, release, err := store.Probe(dir)
	release()
	if err != nil || free == 0 || keep == 0 {
		t.Errorf("%d, %d, %v", free, keep, err)
	}
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("it was made")
	}
	s := open(t, dir)
	if _, _, _, err := store.Probe(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("open: %v", err)
	}
	s.Close()
	_, _, release, err = store.Probe(dir)
	require.NoError(t, err)
	if _, err := store.Open(t.Context(), store.Elsewhere(store.Options{Dir: dir})); !errors.Is(err, store.ErrLocked) {
		t.Errorf("while it is looked at: %v", err)
	}
	release()
	open(t, dir).Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, bad := range []string{file, filepath.Join(file, "below")} {
		if _, _, _, err := store.Probe(bad); err == nil {
			t.Errorf("%s is fine", bad)
		}
	}
}
