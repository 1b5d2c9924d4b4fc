package httpapi

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"stanzahook/pkg/socket"
)

// A connection whose other side is gone without a word ends soon.
func TestVanishedCallers(t *testing.T) {
	s := NewServer(New(Options{Listen: "127.0.0.1:0", NoAuth: true, Log: zap.NewNop()}))
	addr, err := s.Start()
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	c, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	var first *connection
	for first == nil {
		s.connections.mu.Lock()
		first = s.connections.line.oldest()
		s.connections.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	var got int
	if err := first.Conn.(*socket.Conn).Raw().Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil || got != 30_000 {
		t.Errorf("%d ms, %v", got, err)
	}
}
