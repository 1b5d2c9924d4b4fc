package socket_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"stanzahook/pkg/socket"
)

// pair returns both ends of a connection; the first is a Conn.
func pair(t *testing.T, network string) (*socket.Conn, net.Conn) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	require.NoError(t, err)
	defer l.Close()
	dialled, err := net.Dial(network, l.Addr().String())
	require.NoError(t, err)
	accepted, err := l.Accept()
	require.NoError(t, err)
	c, err := socket.New(dialled, network == "tcp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(); _ = accepted.Close() })
	return c, accepted
}

// onEach runs a test on each network.
func onEach(t *testing.T, test func(t *testing.T, c *socket.Conn, peer net.Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			c, peer := pair(t, network)
			test(t, c, peer)
		})
	}
}

// A Conn does what a net.Conn is expected to.
func TestConn(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				c, peer := pair(t, network)
				return c, peer, func() { _ = c.Close(); _ = peer.Close() }, nil
			})
		})
	}
}

// A write of more than the kernel has room for waits, and arrives whole and in order beside
// other writes.
func TestLargeWrites(t *testing.T) {
	onEach(t, func(t *testing.T, c *socket.Conn, peer net.Conn) {
		const each, writers = 4 << 20, 3
		var all sync.WaitGroup
		for i := range writers {
			all.Go(func() {
				if n, err := c.Write(bytes.Repeat([]byte{byte('a' + i)}, each)); n != each || err != nil {
					t.Error(n, err)
				}
			})
		}
		got := make([]byte, writers*each)
		if _, err := io.ReadFull(peer, got); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		for part := range writers {
			if one := got[part*each : (part+1)*each]; bytes.Count(one, one[:1]) != each {
				t.Errorf("part %d is mixed", part)
			}
		}
	})
}

// What fails is the error that package net has.
func TestErrors(t *testing.T) {
	onEach(t, func(t *testing.T, c *socket.Conn, peer net.Conn) {
		buf := make([]byte, 8)
		_ = c.SetDeadline(time.Now().Add(20 * time.Millisecond))
		if n, err := c.Read(buf); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("over the deadline: %d %v", n, err)
		}
		_ = c.SetDeadline(time.Time{})
		if _, err := peer.Write([]byte("last")); err != nil {
			t.Fatal(err)
		}
		_ = peer.Close()
		if n, err := c.Read(buf); string(buf[:n]) != "last" || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if n, err := c.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("the end: %d %v", n, err)
		}
		var op *net.OpError
		var err error
		for range 100 { // TCP notices with the answer to the first
			if _, err = c.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !errors.As(err, &op) || op.Op != "write" {
			t.Errorf("to nobody: %v", err)
		}
		_ = c.Close()
		if _, err := c.Read(buf); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v", err)
		}
		if _, err := c.Write(buf); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after Close: %v", err)
		}
	})
}

// One side can end, and read on.
func TestCloseWrite(t *testing.T) {
	onEach(t, func(t *testing.T, c *socket.Conn, peer net.Conn) {
		if _, err := c.Write([]byte("question")); err != nil {
			t.Fatal(err)
		}
		require.NoError(t, c.CloseWrite())
		if got, err := io.ReadAll(peer); string(got) != "question" || err != nil {
			t.Errorf("%q %v", got, err)
		}
		_, _ = peer.Write([]byte("answer"))
		_ = peer.Close()
		if got, err := io.ReadAll(c); string(got) != "answer" || err != nil {
			t.Errorf("%q %v", got, err)
		}
	})
}

// Only sockets are accepted.
func TestNewOfNoSocket(t *testing.T) {
	a, b := net.Pipe()
	if _, err := socket.New(a, false); err == nil {
		t.Error("a pipe in memory has no socket")
	}
	_, _ = a.Close(), b.Close()
}

// A read and a write allocate nothing.
func TestNoAllocation(t *testing.T) {
	c, peer := pair(t, "tcp")
	buf, echo := make([]byte, 8), make([]byte, 8)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := c.Write(buf); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(peer, echo); err != nil {
			t.Fatal(err)
		}
		if _, err := peer.Write(echo); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
