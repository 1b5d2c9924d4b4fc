package httpapi

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// One wait ends with whatever comes first: a new connection, more of one that is held, or the end.
func TestArrivalsWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int64
	a, err := newArrivals(&count)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.watch(raw); err != nil {
		t.Fatal(err)
	}
	// next waits until something comes.
	next := func() (newOnes bool, err error) {
		for {
			newOnes, err := a.wait()
			if newOnes || err != nil || a.came > 0 {
				return newOnes, err
			}
		}
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := io.WriteString(c, "G"); err != nil { // else it comes later
			t.Fatal(err)
		}
		return c
	}

	came := make(chan error)
	go func() {
		newOnes, err := next()
		if err == nil && !newOnes {
			err = io.ErrUnexpectedEOF
		}
		came <- err
	}()
	c := dial()
	if err := <-came; err != nil {
		t.Fatal(err)
	}
	var s *rawSocket
	if err := raw.Control(func(fd uintptr) { s, err = acceptSocket(fd) }); err != nil || s == nil {
		t.Fatal(err, s)
	}
	v := &visitor{&connection{Conn: s}, s, time.Now()}
	if err := a.hold(v); err != nil || count.Load() != 1 {
		t.Fatal(err, count.Load())
	}
	a.unwatch(raw)
	dial() // nobody waits for it
	seen := make([]byte, 16)
	for more := range 2 { // what was there, and what comes
		if newOnes, err := next(); newOnes || err != nil {
			t.Fatalf("%v, %v", newOnes, err)
		}
		n := 0
		a.each(func(of *visitor, over bool) {
			if n, err = of.socket.peek(seen); of != v || over || err != nil {
				t.Errorf("%v, %v, %v", of, over, err)
			}
		})
		if n != 1+more {
			t.Errorf("%d bytes", n)
		}
		if more == 0 {
			go func() { _, _ = io.WriteString(c, "E") }()
		}
	}
	_ = s.discard(seen)
	_ = s.Close()
	if count.Load() != 0 || a.oldest() != nil {
		t.Error(count.Load(), a.oldest())
	}

	if err := a.watch(raw); err != nil {
		t.Fatal(err)
	}
	if newOnes, err := next(); !newOnes || err != nil { // it had come before
		t.Errorf("%v, %v", newOnes, err)
	}
	a.unwatch(raw)
	go func() {
		_, err := next()
		came <- err
	}()
	a.close()
	if err := <-came; err == nil {
		t.Error("a wait did not end")
	}
	_ = l.Close()
	if err := a.watch(raw); err == nil {
		t.Error("a listener that is closed is waited for")
	}
	if err := raw.Control(func(uintptr) {}); err == nil {
		t.Error(syscall.EBADF)
	}
}
