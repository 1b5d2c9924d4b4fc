package socket

import (
	"net/netip"
	"syscall"
)

// Accept is as on other processors, which have a system call of their own for it.
func Accept(listener uintptr) (fd int, from netip.AddrPort, err error) {
	fd, addr, err := syscall.Accept4(int(listener), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
	switch addr := addr.(type) {
	case *syscall.SockaddrInet4:
		from = netip.AddrPortFrom(netip.AddrFrom4(addr.Addr), uint16(addr.Port))
	case *syscall.SockaddrInet6:
		from = netip.AddrPortFrom(netip.AddrFrom16(addr.Addr).Unmap(), uint16(addr.Port))
	}
	return fd, from, err
}

// Peek is as on other processors.
func Peek(fd int, room []byte) (int, error) {
	n, _, err := syscall.Recvfrom(fd, room, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	return max(n, 0), err
}
