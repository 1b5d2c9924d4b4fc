//go:build unix && !linux

package lab

import "syscall"

// ownGroup puts a process into a group of its own. Only Linux can also have it
// killed with its parent: elsewhere Close must be called.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
