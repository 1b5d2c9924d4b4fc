//go:build unix && (!linux || race)

package socket

import "syscall"

// Read reads from a non-blocking socket. The error is a syscall.Errno: EAGAIN if there is
// nothing to read. Zero bytes without an error are the end, if p is not empty.
func Read(fd uintptr, p []byte) (int, error) { return call(syscall.Read, fd, p) }

// Write writes to a non-blocking socket as much as it has room for. The error is a
// syscall.Errno: EAGAIN if it has none.
func Write(fd uintptr, p []byte) (int, error) { return call(syscall.Write, fd, p) }

// call makes a call that the race detector sees.
func call(do func(fd int, p []byte) (int, error), fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := do(int(fd), p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// AckNow does nothing: only Linux has TCP_QUICKACK. With Prosody set
// network_settings = { nagle = false } instead.
func AckNow(uintptr) {}
