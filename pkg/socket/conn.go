package socket

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Conn is a TCP or Unix socket connection. It is a net.Conn in all: many goroutines may use
// it, deadlines apply, and Close ends what waits.
type Conn struct {
	net.Conn
	half     interface{ CloseWrite() error } // the same
	raw      syscall.RawConn
	quickAck bool
	in, out  transfer
}

// transfer is a read or a write that is under way. Its step is made once, for a function of
// its own would be an allocation for each.
type transfer struct {
	mu   sync.Mutex
	p    []byte
	n    int
	err  error
	step func(fd uintptr) bool
}

// New returns a Conn that reads and writes a connection of package net. With quickAck what
// arrives is acknowledged at once, where the system can do that. The error is that of a
// connection which is no socket.
func New(conn net.Conn, quickAck bool) (*Conn, error) {
	c, ok := conn.(interface {
		syscall.Conn
		CloseWrite() error
	})
	if !ok {
		return nil, syscall.ENOTSOCK
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Conn{Conn: conn, half: c, raw: raw, quickAck: quickAck}
	s.in.step = s.read
	s.out.step = s.write
	return s, nil
}

// Raw returns the connection's socket, for calls like [Read] and [Write].
func (c *Conn) Raw() syscall.RawConn { return c.raw }

// CloseWrite ends what is written; the other side reads the end. Reading goes on.
func (c *Conn) CloseWrite() error { return c.half.CloseWrite() }

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.p = p
	err := c.raw.Read(c.in.step)
	c.in.p = nil
	switch {
	case err != nil: // closed, or over the deadline
		return 0, err
	case c.in.err != nil:
		return 0, c.failed("read", c.in.err)
	case c.in.n == 0:
		return 0, io.EOF
	}
	return c.in.n, nil
}

func (c *Conn) read(fd uintptr) bool {
	c.in.n, c.in.err = Read(fd, c.in.p)
	if c.in.err == syscall.EAGAIN {
		return false
	}
	if c.quickAck {
		AckNow(fd)
	}
	return true
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.p, c.out.n, c.out.err = p, 0, nil
	err := c.raw.Write(c.out.step)
	c.out.p = nil
	switch {
	case err != nil:
		return c.out.n, err
	case c.out.err != nil:
		return c.out.n, c.failed("write", c.out.err)
	}
	return c.out.n, nil
}

func (c *Conn) write(fd uintptr) bool {
	for c.out.n < len(c.out.p) {
		var n int
		if n, c.out.err = Write(fd, c.out.p[c.out.n:]); c.out.err == syscall.EAGAIN {
			c.out.err = nil
			return false
		}
		c.out.n += n
		if c.out.err != nil {
			return true
		}
	}
	return true
}

// failed returns an error as package net does.
func (c *Conn) failed(what string, err error) error {
	return &net.OpError{Op: what, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(what, err)}
}
