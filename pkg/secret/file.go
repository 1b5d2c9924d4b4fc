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

// ErrTooLarge is wrapped by the error of [FromFile] for a file of more than
// 64 KiB.
var ErrTooLarge = errors.New("is larger than 64 KiB")

// FromFile reads a secret from a file. It removes a byte order mark at the beginning
// and one newline (LF or CR LF) at the end. Errors name the file and the reason and
// never show the content; for a missing file errors.Is(err, fs.ErrNotExist) holds.
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
		return String{}, errors.New(path + " is empty")
	}
	return New(text), nil
}

// Find returns the location of a file that a configuration names. It returns an
// absolute path unchanged. It looks up a relative one first in credentials, the
// directory that systemd names in $CREDENTIALS_DIRECTORY ("" if there is none), then
// in base, the directory of the configuration file. The error names all places and
// satisfies errors.Is(err, fs.ErrNotExist).
//
// A path that leaves the directory ("../x") cannot be a credential and is looked up
// in base only.
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
		// A file that exists but cannot be read is for FromFile to report; trying
		// the next place would hide the error.
		if _, err := os.Stat(place); !errors.Is(err, fs.ErrNotExist) {
			return place, nil
		}
	}
	if len(places) == 2 {
		return "", readError{text: "neither " + places[0] + " nor " + places[1] + " exists", cause: fs.ErrNotExist}
	}
	return "", fmt.Errorf("%s %w", places[0], missing)
}

// missing is fs.ErrNotExist with a text that continues a path.
var missing error = readError{text: "does not exist", cause: fs.ErrNotExist}

// reason returns an error of os with a text that continues the path.
func reason(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return missing
	}
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // without the path
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
