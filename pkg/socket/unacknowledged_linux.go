package socket

import (
	"syscall"
	"unsafe"
)

// Unacknowledged returns how many bytes were written to a socket that the other side has not
// acknowledged (tcp(7), SIOCOUTQ); of a Unix socket, that it has not read.
func Unacknowledged(fd uintptr) (int, error) {
	n := int32(0)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
