//go:build unix

package lab

import (
	"errors"
	"os"
	"syscall"
)

const terminateSignal = syscall.SIGTERM

func killGroup(p *os.Process) error {
	// The server leads its group, so the group's id is its own.
	if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}
