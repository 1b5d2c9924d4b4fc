package socket

import (
	"net/netip"
	"syscall"
	"unsafe"
)

// Accept takes a connection from a listener that does not block. The new one does not block
// either, and package net knows nothing of it. The error is a syscall.Errno: EAGAIN if none has come.
//
// As with [Read], the runtime is not told of the call: nothing here waits.
func Accept(listener uintptr) (fd int, from netip.AddrPort, err error) {
	var addr syscall.RawSockaddrInet6 // has room for IPv4 as well
	size := uint32(unsafe.Sizeof(addr))
	n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, listener, uintptr(unsafe.Pointer(&addr)), uintptr(unsafe.Pointer(&size)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, from, errno
	}
	port := (*[2]byte)(unsafe.Pointer(&addr.Port))
	var ip netip.Addr
	switch addr.Family {
	case syscall.AF_INET:
		ip = netip.AddrFrom4((*syscall.RawSockaddrInet4)(unsafe.Pointer(&addr)).Addr)
	case syscall.AF_INET6:
		ip = netip.AddrFrom16(addr.Addr).Unmap()
	}
	return int(n), netip.AddrPortFrom(ip, uint16(port[0])<<8|uint16(port[1])), nil
}

// Peek returns what has come, as much as there is room for; it stays there. The results are those of [Read].
func Peek(fd int, room []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&room[0])), uintptr(len(room)), syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
