//go:build unix && !linux

package socket

// Unacknowledged returns 0: only Linux tells.
func Unacknowledged(uintptr) (int, error) { return 0, nil }
