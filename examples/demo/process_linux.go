package main

import "syscall"

// Both are in process groups of their own, so that Ctrl-C reaches only us, who end
// things in order.

func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func surviveUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
