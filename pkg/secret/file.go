package secret

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stanzahook/pkg/document"
)

// maxFile bounds what FromFile reads. No secret is that long: a longer file is
// the wrong file, and /dev/zero is one that never ends.
const maxFile = 64 << 10

// ErrEmpty is wrapped by the error of [FromFile] for a file that holds
// nothing, or nothing but a newline.
var ErrEmpty = errors.New("is empty")

// ErrTooLarge is wrapped by the error of [FromFile] for a file of more than
// 64 KiB.
var ErrTooLarge = errors.New("is larger than 64 KiB")

// FromFile reads a secret from a file and removes a byte order mark from its
// beginning and one newline (LF or CR LF) from its end. Its errors name the file and the reason and never show what
// was read; a missing one satisfies errors.Is(err, fs.ErrNotExist).
func FromFile(path string) (String, error) {
	f, err := os.Open(path)
	if err != nil {
		return String{}, fmt.Errorf("%s %w", path, reason(err))
	}
	defer f.Close() //nolint:errcheck // only read from

	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return String{}, fmt.Errorf("%s %w", path, reason(err))
	}
	if len(data) > maxFile {
		return String{}, fmt.Errorf("%s %w", path, ErrTooLarge)
	}
	text := string(document.Unmarked(data))
	if cut, found := strings.CutSuffix(text, "\n"); found {
		text = strings.TrimSuffix(cut, "\r")
	}
	if text == "" {
		return String{}, fmt.Errorf("%s %w", path, ErrEmpty)
	}
	return New(text), nil
}

// Find returns where the file is that a configuration calls path. An absolute
// path is returned as it is. A relative one is looked up first in credentials,
// the directory that systemd names in $CREDENTIALS_DIRECTORY ("" if there is
// none), then in base, the directory of the configuration file. The error
// names every place it looked at and satisfies errors.Is(err, fs.ErrNotExist).
//
// A path that leads out of the directory ("../x") is no credential's name and
// is looked up in base only.
func Find(path, credentials, base string) (string, error) {
	if path == "" {
		return "", errors.New("the path of the file is empty")
	}
	if filepath.IsAbs(path) {
		return path, nil
	}
	var places []string
	if credentials != "" && filepath.IsLocal(path) {
		places = append(places, filepath.Join(credentials, path))
	}
	places = append(places, filepath.Join(base, path))
	for _, place := range places {
		// Whatever is there but cannot be used is the reader's error to
		// report: going on to the next place would hide it.
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	if len(places) == 2 {
		return "", readError{text: "neither " + places[0] + " nor " + places[1] + " exists", cause: fs.ErrNotExist}
	}
	return "", fmt.Errorf("%s %w", places[0], missing)
}

// missing reads well after a path, and still is fs.ErrNotExist.
var missing error = readError{text: "does not exist", cause: fs.ErrNotExist}

// reason turns an error of os into one that reads well after the path.
func reason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return missing
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // without the path, which stands before it already
	}
	return readError{text: "cannot be read: " + err.Error(), cause: err}
}

// readError gives cause another wording.
type readError struct {
	text  string
	cause error
}

func (e readError) Error() string { return e.text }
func (e readError) Unwrap() error { return e.cause }
