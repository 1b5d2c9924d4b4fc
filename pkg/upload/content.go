package upload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// firstBytes is how much of the beginning of an image is kept to find its size in. A JPEG may
// have a preview of 64 KiB before it says it.
const firstBytes = 128 << 10

var errEnded = errors.New("the attempt has ended")

// content is a file on its way: what was read ahead of it, and the rest of what the caller
// sends, or a spooled file.
type content struct {
	size int64
	head []byte
	rest io.Reader
	file *os.File // nil: it is not spooled
	// interrupt ends a read from the caller, which then fails; nil: it cannot be
	interrupt func()
	sent      *atomic.Int64

	mu    sync.Mutex // held during a read
	at    int64      // of this attempt
	sum   hash.Hash
	first []byte
	image bool
	err   error // of the caller's part
}

// begin returns the body of the next attempt; false if it cannot be read once more.
func (c *content) begin() (*attempt, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, false
	case c.file != nil:
		if _, err := c.file.Seek(0, io.SeekStart); err != nil {
			return nil, false
		}
	case c.at > int64(len(c.head)):
		return nil, false // a part is gone
	}
	c.at, c.sum, c.first = 0, sha256.New(), nil
	c.sent.Store(0)
	return &attempt{c: c}, true
}

// attempt is the body of one PUT. net/http may read it after the PUT has ended.
type attempt struct {
	c     *content
	ended atomic.Bool
}

// Read implements io.Reader.
func (a *attempt) Read(p []byte) (int, error) {
	c := a.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.ended.Load() {
		return 0, errEnded
	}
	return c.read(p)
}

// Close implements io.Closer.
func (a *attempt) Close() error { return nil }

// end ends an attempt: nothing is read from the caller any more.
func (a *attempt) end() {
	a.ended.Store(true)
	if a.c.mu.TryLock() {
		a.c.mu.Unlock()
		return
	}
	a.c.stop()
	a.c.mu.Lock() // until the read has ended
	defer a.c.mu.Unlock()
}

func (c *content) read(p []byte) (n int, err error) {
	if c.at >= c.size {
		return 0, c.overlong()
	}
	p = p[:min(int64(len(p)), c.size-c.at)]
	switch {
	case c.file != nil:
		n, err = c.file.Read(p)
	case c.at < int64(len(c.head)):
		n = copy(p, c.head[c.at:])
	default:
		n, err = c.rest.Read(p)
	}
	c.sum.Write(p[:n])
	if c.image && len(c.first) < firstBytes {
		c.first = append(c.first, p[:min(n, firstBytes-len(c.first))]...)
	}
	c.at += int64(n)
	c.sent.Store(c.at)
	if err == io.EOF && c.at < c.size {
		err = fmt.Errorf("it ended after %d of %d bytes: %w", c.at, c.size, io.ErrUnexpectedEOF)
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// overlong returns io.EOF at the end of a file, and an error if it goes on.
func (c *content) overlong() error {
	if c.file != nil || c.rest == nil {
		return io.EOF
	}
	var one [1]byte
	switch n, err := io.ReadFull(c.rest, one[:]); {
	case n > 0:
		c.err = fmt.Errorf("it is longer than the %d bytes that were announced", c.size)
		return c.err
	case err != io.EOF:
		c.err = err
		return err
	}
	c.rest = nil // its end was seen
	return io.EOF
}

// stop ends a read from the caller that waits.
func (c *content) stop() {
	if c.interrupt != nil {
		c.interrupt()
	}
}

// whole reports whether the file can be read once more.
func (c *content) whole() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && (c.file != nil || c.at <= int64(len(c.head)))
}

// failed returns the error of the caller's part, if there was one.
func (c *content) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// result completes what is known of a file after it was read.
func (c *content) result(f *File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.SHA256 = hex.EncodeToString(c.sum.Sum(nil))
	f.Width, f.Height = dimensions(f.Type, c.first)
	c.first = nil
}

// peek reads the beginning of a file.
func (c *content) peek() error {
	head := make([]byte, min(sniffBytes, c.size))
	if c.file != nil {
		_, err := c.file.ReadAt(head, 0)
		c.head = head
		return err
	}
	n, err := io.ReadFull(c.rest, head)
	c.head = head[:n]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("it ended after %d of %d bytes: %w", n, c.size, io.ErrUnexpectedEOF)
	}
	return err
}
