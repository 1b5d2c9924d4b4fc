package httpapi

import (
	"io"
	"net"
	"os"
	"runtime"
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
			newOnes, err := a.wait(false)
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
	s.discard(seen)
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

// Who waits for more of a crowd lets others have their turn, of whom something has come meanwhile: with
// one core nobody else looks for them.
func TestArrivalsYield(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	a, err := newArrivals(new(atomic.Int64))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for range 10 { // a tick may be over
		if newOnes, err := a.wait(true); newOnes || err != nil {
			t.Fatalf("nobody is there: %v, %v", newOnes, err)
		}
		if a.came > 0 {
			break
		}
	}
	if a.came != 1 {
		t.Errorf("nobody is there: %d events", a.came)
	}
	if err := a.watch(raw); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for { // now there is always somebody
		if newOnes, err := a.wait(false); err != nil {
			t.Fatal(err)
		} else if newOnes {
			break
		}
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	var reads, served atomic.Int64
	go func() {
		b := make([]byte, 1)
		for {
			reads.Add(1)
			if _, err := in.Read(b); err != nil {
				return
			}
			served.Add(1)
		}
	}()
	late := 0
	for i := range int64(100) {
		for reads.Load() <= i {
			runtime.Gosched()
		}
		if _, err := out.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		for newOnes := false; !newOnes; { // a tick may be over
			if newOnes, err = a.wait(true); err != nil {
				t.Fatal(err)
			}
		}
		if served.Load() <= i {
			late++ // the scheduler is fair to us as well, now and then
		}
	}
	if late > 20 {
		t.Errorf("%d of 100 had to wait", late)
	}
}
