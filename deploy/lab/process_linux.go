package lab

import "syscall"

// ownGroup puts a process into a group of its own, so that a signal meant for the
// caller's terminal does not reach it, and has it killed if the caller dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
