package standby

import (
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// dropUnsent lets the TCP connections of this process that drops reports true for be reset when they are
// closed, by the end of the process, too. What the kernel has not brought over is dropped then; it would send that for
// minutes otherwise, also when the process has ended long ago.
func dropUnsent(drops func(local, remote netip.AddrPort) bool) {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // without /proc, it comes late
	}
	for _, f := range open {
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			continue
		}
		local, err := syscall.Getsockname(fd)
		if err != nil {
			continue // no socket, or it is closed by now
		}
		remote, err := syscall.Getpeername(fd)
		if err != nil {
			continue // not connected
		}
		if l, r := addrPort(local), addrPort(remote); l.IsValid() && drops(l, r) {
			_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}) // as above
		}
	}
}

// addrPort returns an address of TCP; invalid: it is one of something else.
func addrPort(a syscall.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
