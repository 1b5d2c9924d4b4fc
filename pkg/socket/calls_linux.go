//go:build linux && !race

package socket

import (
	"syscall"
	"unsafe"
)

// Read reads from a non-blocking socket. The error is a syscall.Errno: EAGAIN if there is
// nothing to read. Zero bytes without an error are the end, if p is not empty.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_READ, fd, p) }

// Write writes to a non-blocking socket as much as it has room for. The error is a
// syscall.Errno: EAGAIN if it has none.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.SYS_WRITE, fd, p) }

func call(number, fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// AckNow lets the kernel acknowledge at once what has arrived (tcp(7), TCP_QUICKACK), until
// it decides otherwise.
func AckNow(fd uintptr) {
	on := int32(1)
	// An error makes the connection slower, not wrong.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, uintptr(unsafe.Pointer(&on)), 4, 0)
}
