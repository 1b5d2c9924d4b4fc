package outbound

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"stanzahook/pkg/socket"
)

// Probe detects bytes on an idle connection. After a complete answer nothing may
// arrive that was not requested, or it would be taken for the answer to the next
// request (RFC 9112 section 9.2).
type Probe struct {
	raw    syscall.RawConn
	look   func(fd uintptr)
	ask    func(fd uintptr) bool
	buffer [1]byte
	silent bool

	request []byte // that ask writes
	written int
	asked   bool // ask has written
}

// NewProbe returns a probe of a connection.
func NewProbe(conn *socket.Conn) *Probe {
	p := &Probe{raw: conn.Raw()}
	p.look = func(fd uintptr) {
		_, err := socket.Read(fd, p.buffer[:])
		p.silent = err == syscall.EAGAIN
	}
	p.ask = func(fd uintptr) bool {
		if p.asked {
			return true // there is something to read
		}
		p.asked = true
		if p.look(fd); !p.silent {
			return true
		}
		var err error
		p.written, err = socket.Write(fd, p.request)
		return err != nil || p.written < len(p.request)
	}
	return p
}

// Ask writes a request to an idle connection if there is nothing to read, and waits until
// there is something, or until the deadline for reading. It costs a read less than Silent,
// a write and a read that has to wait. If it returns false, nothing was written, and the
// connection is to be closed. If fewer bytes than all are written, write the others. Errors
// are left to the next write and read. Only one goroutine at a time may call it.
func (p *Probe) Ask(request []byte) (written int, silent bool) {
	p.silent, p.asked, p.written, p.request = false, false, 0, request
	_ = p.raw.Read(p.ask) // the next read says the same
	p.request = nil
	return p.written, p.silent
}

// Silent reports, without blocking, whether there is nothing to read: no byte, no
// end, no error. If it returns false, close the connection: it may have lost a byte.
// Only one goroutine at a time may call it.
func (p *Probe) Silent() bool {
	p.silent = false
	return p.raw.Control(p.look) == nil && p.silent
}

// watched is a connection of net/http that knows whether a reader waits for bytes and
// has received none.
type watched struct {
	net.Conn

	mu      sync.Mutex
	changed sync.Cond
	probe   *Probe
	reading bool
	closed  bool
}

func watch(conn net.Conn) (net.Conn, error) {
	quick, err := socket.New(conn, false)
	if err != nil {
		_ = conn.Close() // nothing was sent
		return nil, err
	}
	c := &watched{Conn: quick, probe: NewProbe(quick)}
	c.changed.L = &c.mu
	return c, nil
}

// Read waits until there is something, then reads it under the lock, so that reading
// is true exactly while nothing was read.
func (c *watched) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.set(&c.reading, true)
	waited := c.probe.raw.Read(func(fd uintptr) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		if n, err = socket.Read(fd, p); err == syscall.EAGAIN {
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

// closeUnlessSilent closes a connection that is about to be reused if bytes arrived on
// it since its last answer. net/http closes such connections too, but only when its
// reader notices, and a quicker request takes the bytes for its answer. So this
// function waits for the reader, which reads if its buffer is empty and otherwise
// closes the connection. A request whose connection is closed before a byte was
// written uses another one.
func closeUnlessSilent(conn net.Conn) {
	for {
		secured, ok := conn.(*tls.Conn)
		if !ok {
			break
		}
		if secured.ConnectionState().NegotiatedProtocol == "h2" {
			return // HTTP/2 numbers its answers
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
		_ = c.Close() // the next use returns the error
	}
}
