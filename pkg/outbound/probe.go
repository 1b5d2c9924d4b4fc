package outbound

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Probe looks whether something has come over a connection that is idle. After
// an answer that is complete nothing may come that nobody asked for, or the next
// request would be answered with it (RFC 9112 section 9.2).
type Probe struct {
	raw    syscall.RawConn
	look   func(fd uintptr)
	buffer [1]byte
	silent bool
}

// NewProbe returns a probe of a connection of TCP or of a socket of this
// machine. The error is that of the connection.
func NewProbe(conn net.Conn) (*Probe, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil, syscall.EINVAL
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &Probe{raw: raw}
	p.look = func(fd uintptr) {
		for {
			_, err := syscall.Read(int(fd), p.buffer[:]) // the runtime has made it one that does not wait
			if err != syscall.EINTR {
				p.silent = err == syscall.EAGAIN
				return
			}
		}
	}
	return p, nil
}

// Silent reports, without waiting, whether there is nothing to read: no byte, no
// end, no error. If there is, close the connection: a byte of it is lost. One
// goroutine at a time may call it.
func (p *Probe) Silent() bool {
	p.silent = false
	return p.raw.Control(p.look) == nil && p.silent
}

// watched is a connection of net/http's that knows whether somebody waits for
// bytes of it, and has none of them yet.
type watched struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond
	probe   *Probe
	reading bool
	closed  bool
}

func watch(conn net.Conn) (net.Conn, error) {
	probe, err := NewProbe(conn)
	if err != nil {
		_ = conn.Close() // nothing was sent
		return nil, err
	}
	c := &watched{Conn: conn, probe: probe}
	c.changed.L = &c.mu
	return c, nil
}

// Read reads in two steps: it waits until there is something, and takes it under
// the lock, so that reading is true just as long as nothing was taken.
func (c *watched) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.set(&c.reading, true)
	waited := c.probe.raw.Read(func(fd uintptr) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for n, err = -1, error(syscall.EINTR); err == syscall.EINTR; {
			n, err = syscall.Read(int(fd), p)
		}
		if err == syscall.EAGAIN {
			return false
		}
		c.reading = false
		return true
	})
	switch {
	case waited != nil:
		c.set(&c.reading, false)
		return 0, waited
	case err != nil:
		return 0, &net.OpError{Op: "read", Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (c *watched) Close() error {
	c.set(&c.closed, true)
	return c.Conn.Close()
}

func (c *watched) set(what *bool, to bool) {
	c.mu.Lock()
	*what = to
	c.changed.Broadcast()
	c.mu.Unlock()
}

// closeUnlessSilent closes a connection that is about to be used again, if
// something has come over it since its last answer. net/http closes such ones
// too, but only when its reader has got there, and a request that is quicker takes
// what is there for its answer. So the reader is waited for: when its buffer is
// empty it reads, and when not it closes the connection. A request whose
// connection is closed under it before a byte was written takes another.
func closeUnlessSilent(conn net.Conn) {
	for {
		secured, ok := conn.(*tls.Conn)
		if !ok {
			break
		}
		if secured.ConnectionState().NegotiatedProtocol == "h2" {
			return // there an answer has the number of its request
		}
		conn = secured.NetConn()
	}
	c, ok := conn.(*watched)
	if !ok {
		return
	}
	c.mu.Lock()
	for !c.reading && !c.closed {
		c.changed.Wait()
	}
	silent := !c.closed && c.probe.Silent()
	c.mu.Unlock()
	if !silent {
		_ = c.Close() // whoever uses it will see
	}
}
