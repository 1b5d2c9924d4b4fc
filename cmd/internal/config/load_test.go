package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentialsDirectoryComesFirst(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bot.secret"), []byte("from systemd\n"), 0o600))
	component := load(t, "full.yaml", "CREDENTIALS_DIRECTORY="+dir).Components[0]
	if got := component.Secret.Reveal(); got != "from systemd" {
		t.Errorf("the secret is %q", got)
	}
	if got, want := component.SecretFile, filepath.Join(dir, "bot.secret"); got != want {
		t.Errorf("it came from %s, want %s", got, want)
	}
}

func TestFindConfig(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first.yaml"), filepath.Join(dir, "second.yaml")
	find := func(flag string) (string, error) { return findIn(flag, first, second) }

	_, err := find("")
	if err == nil || !strings.Contains(err.Error(), first+" and "+second) {
		t.Errorf("the error does not say what was tried: %v", err)
	}
	for _, path := range []string{second, first} { // the first goes before the second
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		if got, err := find(""); err != nil || got != path {
			t.Errorf("got %s, %v; want %s", got, err, path)
		}
	}
	if got, err := find(second); err != nil || got != second {
		t.Errorf("--config: got %s, %v", got, err)
	}
	missing := filepath.Join(dir, "missing.yaml")
	if got, err := find(missing); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("--config with a missing file: got %q, %v", got, err)
	}
}

func TestFindConfigPlaces(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("stanzahook.yaml", nil, 0o600))
	if got, err := Find(""); err != nil || got != "stanzahook.yaml" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	require.NoError(t, os.WriteFile(large, make([]byte, 1<<20+1), 0o600))
	missing := filepath.Join(dir, "missing.yaml")
	for path, want := range map[string]string{
		missing: missing + ": the file does not exist",
		dir:     dir + ": the file cannot be read: is a directory",
		large:   large + ": the file is larger than 1MiB: not a configuration",
	} {
		c, err := Load(path, nil)
		if problems, ok := errors.AsType[Problems](err); !ok || len(problems) != 1 || err.Error() != want || c != nil {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// An editor that begins files with a byte order mark changes nothing.
func TestLoadAfterAByteOrderMark(t *testing.T) {
	text, err := os.ReadFile("testdata/minimal.yaml")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "stanzahook.yaml")
	require.NoError(t, os.WriteFile(file, append([]byte("\ufeff"), text...), 0o600))
	got, err := Load(file, nil)
	require.NoError(t, err)
	if want := load(t, "minimal.yaml"); len(got.Components) != len(want.Components) || got.Components[0].Domain != want.Components[0].Domain {
		t.Errorf("%+v", got)
	}
}
