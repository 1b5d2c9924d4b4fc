package socket

import (
	"syscall"
	"unsafe"
)

// Ended reports whether the other side sends nothing more: it has closed the connection, or its half.
func Ended(fd int) bool {
	poll := struct {
		fd              int32
		events, revents int16
	}{fd: int32(fd), events: pollRDHUP}
	var now syscall.Timespec
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return errno == 0 && poll.revents != 0 // also POLLHUP and POLLERR
}

const pollRDHUP = 0x2000 // POLLRDHUP, poll(2)

// Close closes a socket that nobody else uses. If something has come that was not read, the
// connection ends at once, with a reset.
func Close(fd int) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// Event returns a file that can always be read, for poll(2) and epoll(7).
func Event() (fd int, err error) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 1, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
