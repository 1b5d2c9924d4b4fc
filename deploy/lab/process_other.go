//go:build !unix

package lab

import (
	"os"
	"syscall"
)

var terminateSignal = os.Kill // never reassigned; a variable because os.Kill is one

func ownGroup() *syscall.SysProcAttr { return nil }

func killGroup(p *os.Process) error { return p.Kill() }
