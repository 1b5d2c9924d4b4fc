package harness

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is the root of the repository. Tests run in the directories of their
// packages.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no go.mod above the working directory")
		}
		dir = parent
	}
}

// Path is that of a file of the repository, which is named from its root.
func Path(t testing.TB, name string) string {
	t.Helper()
	root, err := repository()
	require.NoError(t, err)
	return filepath.Join(root, name)
}

// Page is the text of a file of the repository.
func Page(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(Path(t, name))
	require.NoError(t, err)
	return string(text)
}
