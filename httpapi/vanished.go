package httpapi

import (
	"runtime"
	"syscall"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of Linux, in milliseconds (RFC 5482).
const tcpUserTimeout = 0x12

// giveUpTheDead lets the connections of a listener end when the other side has not
// acknowledged anything for as long as a write may take. A caller whose line is cut would
// keep its request, and its place among those that wait, for about 15 minutes.
func giveUpTheDead(_, _ string, c syscall.RawConn) error {
	if runtime.GOOS != "linux" {
		return nil
	}
	var failed error
	if err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(writeTimeout.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}
