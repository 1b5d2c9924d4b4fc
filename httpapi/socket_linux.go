package httpapi

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"stanzahook/pkg/socket"
)

// rawSocket is an accepted connection that the runtime does not poll: nothing waits for it, and it
// costs nothing until it is asked. Its methods do not block.
type rawSocket struct {
	addr   netip.AddrPort // of the other side
	closed func()         // called when it is closed; may be nil

	mu sync.Mutex
	fd int // -1: closed
}

func acceptSocket(listener uintptr) (*rawSocket, error) {
	fd, from, err := socket.Accept(listener)
	if err != nil {
		return nil, err
	}
	return &rawSocket{fd: fd, addr: from}, nil
}

// with calls f with the descriptor, if it is open.
func (s *rawSocket) with(f func(fd int) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	return f(s.fd)
}

// peek returns what has come, as much as there is room for; it stays there.
func (s *rawSocket) peek(room []byte) (n int, err error) {
	err = s.with(func(fd int) (err error) {
		n, err = socket.Peek(fd, room)
		return err
	})
	return n, err
}

// gone reports whether the other side has closed.
func (s *rawSocket) gone() bool {
	gone := true
	_ = s.with(func(fd int) error { // an error means that we have
		gone = socket.Ended(fd)
		return nil
	})
	return gone
}

// discard reads what has come, up to a bound: what is not read takes the answer with it when the
// connection is closed.
func (s *rawSocket) discard(room []byte) {
	_ = s.with(func(fd int) error {
		for range discardReads {
			if n, err := socket.Read(uintptr(fd), room); err != nil || n < len(room) {
				return err
			}
		}
		return nil
	})
}

const discardReads = 4

// conn hands the connection over to the runtime.
func (s *rawSocket) conn() (c net.Conn, err error) {
	err = s.with(func(fd int) error {
		f := os.NewFile(uintptr(fd), "")
		c, err = net.FileConn(f) // a duplicate
		_ = f.Close()
		s.fd = -1
		return err
	})
	return c, err
}

// Close implements net.Conn, as the other methods do.
func (s *rawSocket) Close() error {
	err := s.with(func(fd int) error {
		s.fd = -1
		return socket.Close(fd)
	})
	if s.closed != nil && err != net.ErrClosed {
		s.closed()
	}
	return err
}

// Write writes as much as there is room for.
func (s *rawSocket) Write(b []byte) (n int, err error) {
	err = s.with(func(fd int) (err error) {
		n, err = syscall.SendmsgN(fd, b, nil, nil, syscall.MSG_NOSIGNAL)
		return err
	})
	if err == nil && n < len(b) {
		err = syscall.EAGAIN
	}
	return n, err
}

func (s *rawSocket) CloseWrite() error {
	return s.with(func(fd int) error { return syscall.Shutdown(fd, syscall.SHUT_WR) })
}

func (s *rawSocket) Read(b []byte) (n int, err error) {
	err = s.with(func(fd int) (err error) {
		n, err = syscall.Read(fd, b)
		return err
	})
	return n, err
}

func (s *rawSocket) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (s *rawSocket) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(s.addr) }
func (s *rawSocket) SetDeadline(time.Time) error      { return nil }
func (s *rawSocket) SetReadDeadline(time.Time) error  { return nil }
func (s *rawSocket) SetWriteDeadline(time.Time) error { return nil }
