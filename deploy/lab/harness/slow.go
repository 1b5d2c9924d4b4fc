//go:build linux

package harness

import (
	"net"
	"syscall"
	"testing"
)

// DialSlowly connects to an address with little room for what comes, until the end of the test:
// a large answer that is not read stays with its sender.
func DialSlowly(t testing.TB, addr string) net.Conn {
	t.Helper()
	slow := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if err := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 2048); err != nil {
				t.Error(err)
			}
		})
	}}
	c, err := slow.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
