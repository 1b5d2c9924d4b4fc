package secret_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stanzahook/pkg/secret"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestFromFile(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"plain":             {"abc", "abc"},
		"newline":           {"abc\n", "abc"},
		"only one newline":  {"abc\n\n", "abc\n"},
		"CR LF":             {"abc\r\n", "abc"},
		"byte order mark":   {"\ufeffabc\n", "abc"},
		"CR alone stays":    {"abc\r", "abc\r"},
		"spaces stay":       {" a b \n", " a b "},
		"as large as it is": {strings.Repeat("x", 64<<10-1) + "\n", strings.Repeat("x", 64<<10-1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := secret.FromFile(write(t, t.TempDir(), "s", test.content))
			require.NoError(t, err)
			if got.Reveal() != test.want {
				t.Errorf("got %d bytes, want %d", len(got.Reveal()), len(test.want))
			}
		})
	}
}

func TestFromFileErrors(t *testing.T) {
	dir := t.TempDir()
	locked := write(t, dir, "locked", value)
	require.NoError(t, os.Chmod(locked, 0))
	for name, test := range map[string]struct {
		path, want string
		is         error
	}{
		"missing":      {filepath.Join(dir, "none"), "does not exist", fs.ErrNotExist},
		"empty":        {write(t, dir, "empty", ""), "is empty", nil},
		"only newline": {write(t, dir, "newline", "\n"), "is empty", nil},
		"too large":    {write(t, dir, "large", strings.Repeat(value, 64<<10)), "is larger than 64 KiB", secret.ErrTooLarge},
		"directory":    {dir, "cannot be read: is a directory", nil},
		"below a file": {filepath.Join(dir, "empty", "s"), "cannot be read: not a directory", nil},
		"not readable": {locked, "cannot be read: permission denied", fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			if test.path == locked && os.Geteuid() == 0 {
				t.Skip("root reads every file")
			}
			_, err := secret.FromFile(test.path)
			if err == nil {
				t.Fatal("no error")
			}
			if want := test.path + " " + test.want; err.Error() != want {
				t.Errorf("got  %v\nwant %v", err, want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			if leaks(err.Error()) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	credentials, base := filepath.Join(root, "credentials"), filepath.Join(root, "etc")
	for _, dir := range []string{credentials, base} {
		require.NoError(t, os.Mkdir(dir, 0o700))
	}
	inBoth := write(t, credentials, "both", "1")
	write(t, base, "both", "2")
	onlyBase := write(t, base, "base", "3")
	beside := write(t, root, "beside", "4")

	for name, test := range map[string]struct{ path, credentials, want string }{
		"credential first":            {"both", credentials, inBoth},
		"no credentials directory":    {"both", "", filepath.Join(base, "both")},
		"not a credential":            {"base", credentials, onlyBase},
		"absolute":                    {onlyBase, credentials, onlyBase},
		"absolute, missing":           {"/none/such", credentials, "/none/such"},
		"out of the directory":        {"../beside", credentials, beside},
		"credentials that are not so": {"base", filepath.Join(root, "none"), onlyBase},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := secret.Find(test.path, test.credentials, base)
			require.NoError(t, err)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}

	// "../beside" exists from the credentials directory's view too; it must
	// not be what is found when base has another parent.
	if got, err := secret.Find("../beside", credentials, filepath.Join(base, "deeper")); err == nil {
		t.Errorf("a path out of the credentials directory was found at %s", got)
	}

	_, err := secret.Find("none", credentials, base)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
	want := "neither " + filepath.Join(credentials, "none") + " nor " + filepath.Join(base, "none") + " exists"
	if err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	_, err = secret.Find("none", "", base)
	if want := filepath.Join(base, "none") + " does not exist"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	if _, err := secret.Find("", credentials, base); err == nil {
		t.Error("an empty path is found")
	}
}
