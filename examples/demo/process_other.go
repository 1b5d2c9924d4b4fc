//go:build !linux

package main

import "syscall"

// Only Linux can have a program killed with the one that started it: elsewhere the
// demo must not be killed with SIGKILL.

func dieWithUs() *syscall.SysProcAttr { return nil }
func surviveUs() *syscall.SysProcAttr { return nil }
