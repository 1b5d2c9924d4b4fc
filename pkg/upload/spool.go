package upload

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// spoolNames is what spooled files are called for the moment that they have a name.
const spoolNames = "upload-*"

// removeSpooled removes those of a process that was killed in this moment. Nothing is lost:
// nobody has an answer about them.
func removeSpooled(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, spoolNames))
	for _, name := range left {
		_ = os.Remove(name) // what cannot be removed is in nobody's way
	}
}

// spoolStep is what is reserved of the spool at a time.
const spoolStep = 1 << 20

// spooled is a file without a name: it is gone when it is closed, and when the process is
// killed.
type spooled struct {
	file *os.File
	size int64
	done func()
}

func (s *spooled) close() {
	if s != nil {
		_ = s.file.Close()           // what was in it is not wanted any more
		_ = os.Remove(s.file.Name()) // not there but on Windows
		s.done()
	}
}

// spool writes what a reader has to a file, up to most bytes.
func spool(dir string, p *places, caller string, r io.Reader, most int64) (_ *spooled, err error) {
	f, err := os.CreateTemp(dir, spoolNames)
	if err != nil {
		return nil, err
	}
	var held int64
	s := &spooled{file: f, done: func() { p.give(holder{caller: caller}, held) }}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	r = io.LimitReader(r, most+1)
	to := struct{ io.Writer }{f} // its ReadFrom would make errors of r look like those of the disk
	for {
		if why := p.take(holder{caller: caller}, spoolStep); why != "" {
			return nil, &Error{Reason: NoRoom}
		}
		held += spoolStep
		n, err := io.CopyN(to, r, spoolStep)
		s.size += n
		switch {
		case s.size > most:
			return nil, &Error{Reason: TooLarge, MaxBytes: most}
		case err == io.EOF && s.size == 0:
			return nil, &Error{Reason: Empty}
		case err == io.EOF:
			return s, nil
		case err != nil:
			return nil, err
		}
	}
}
