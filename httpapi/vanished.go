package httpapi

import (
	"net"
	"runtime"
	"syscall"
	"time"
)

// Options of TCP, as Linux numbers them.
const (
	tcpKeepIdle     = 0x4  // TCP_KEEPIDLE, in seconds
	tcpKeepInterval = 0x5  // TCP_KEEPINTVL, in seconds
	tcpKeepCount    = 0x6  // TCP_KEEPCNT
	tcpUserTimeout  = 0x12 // TCP_USER_TIMEOUT, in milliseconds (RFC 5482)
)

// When a connection without traffic is probed, as package net has it by default.
const (
	keepAliveIdle     = 15 * time.Second
	keepAliveInterval = 15 * time.Second
	keepAliveProbes   = 9
)

// listening returns how to listen so that connections end when the other side has not
// acknowledged anything for as long as a write may take. A caller whose line is cut would
// keep its request, and its place among those that wait, for about 15 minutes.
//
// On Linux a connection has the options of its listener (tcp(7)), so they are set once, and not
// at each connection.
func listening() net.ListenConfig {
	if runtime.GOOS != "linux" {
		return net.ListenConfig{}
	}
	return net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		return setOptions(c,
			option{syscall.IPPROTO_TCP, tcpUserTimeout, int(writeTimeout.Milliseconds())},
			option{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			option{syscall.IPPROTO_TCP, tcpKeepIdle, int(keepAliveIdle.Seconds())},
			option{syscall.IPPROTO_TCP, tcpKeepInterval, int(keepAliveInterval.Seconds())},
			option{syscall.IPPROTO_TCP, tcpKeepCount, keepAliveProbes},
		)
	}}
}

// EndAfter returns the Control of a net.Dialer: on Linux its connections end when the other side
// has not acknowledged anything for a time. Without it, a request over a cut line waits for about
// 15 minutes: the kernel sends keepalives only when no data waits for an acknowledgement.
func EndAfter(silence time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		if runtime.GOOS != "linux" {
			return nil
		}
		return setOptions(c, option{syscall.IPPROTO_TCP, tcpUserTimeout, int(silence.Milliseconds())})
	}
}

// option is an option of a socket.
type option struct{ level, name, value int }

func setOptions(c syscall.RawConn, options ...option) error {
	var failed error
	if err := c.Control(func(fd uintptr) {
		for _, o := range options {
			if failed = syscall.SetsockoptInt(int(fd), o.level, o.name, o.value); failed != nil {
				return
			}
		}
	}); err != nil {
		return err
	}
	return failed
}
