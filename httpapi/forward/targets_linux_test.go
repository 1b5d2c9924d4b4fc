package forward

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A request to a replica whose machine is gone without a word ends soon, also when it has been sent.
func TestVanishedReplicas(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := newTransport("").DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	const tcpUserTimeout = 0x12
	var got int
	if failed := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); failed != nil || err != nil || got != 10_000 {
		t.Errorf("%d ms, %v, %v", got, failed, err)
	}
}
