package socket_test

import (
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"stanzahook/pkg/socket"
)

// accepted returns the two ends of a connection, of which one was accepted without package net.
func accepted(t *testing.T, address string) (fd int, from netip.AddrPort, other *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	none := false
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	until(t, func() bool {
		if e := raw.Control(func(listener uintptr) {
			if fd, from, err = socket.Accept(listener); err == nil {
				_, _, again := socket.Accept(listener)
				none = again == syscall.EAGAIN
			}
		}); e != nil {
			t.Fatal(e)
		}
		return err != syscall.EAGAIN
	})
	if err != nil {
		t.Fatal(err)
	}
	if !none {
		t.Error("a second connection has come, of one")
	}
	return fd, from, c.(*net.TCPConn)
}

// until waits until something holds.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

// What has come can be looked at as often as one likes, and the end is seen before it was read. Whoever
// closes without having read it resets the connection.
func TestAccepted(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			fd, from, c := accepted(t, address)
			if want := c.LocalAddr().(*net.TCPAddr).AddrPort(); from != want {
				t.Errorf("from %v, not %v", from, want)
			}
			room := make([]byte, 4)
			if n, err := socket.Peek(fd, room); n != 0 || err != syscall.EAGAIN {
				t.Errorf("nothing has come: %d %v", n, err)
			}
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				until(t, func() bool { n, err := socket.Peek(fd, room); return err == nil && string(room[:n]) == "hell" })
			}
			if socket.Ended(fd) {
				t.Error("it has not ended")
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return socket.Ended(fd) })
			if err := socket.Close(fd); err != nil {
				t.Error(err)
			}
			if n, err := c.Read(room); n != 0 || err == nil || err == io.EOF {
				t.Errorf("no reset: %d %v", n, err)
			}
		})
	}
}

// A call to what is closed says so.
func TestAcceptedErrors(t *testing.T) {
	if _, _, err := socket.Accept(^uintptr(0)); err != syscall.EBADF {
		t.Error(err)
	}
	if _, err := socket.Peek(-1, make([]byte, 1)); err != syscall.EBADF {
		t.Error(err)
	}
	if err := socket.Close(-1); err != syscall.EBADF {
		t.Error(err)
	}
}
