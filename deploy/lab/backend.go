package lab

import (
	"errors"
	"os/exec"
)

// ErrNotInstalled is wrapped by the error of Start if the server software is not
// on this machine.
var ErrNotInstalled = errors.New("not installed")

// errPortTaken: the server could not have one of its ports. New ports help.
var errPortTaken = errors.New("a port is taken by another program")

// backend is what differs between the servers.
type backend interface {
	// prepare writes the configuration and, if that can be done from outside, the
	// accounts. It is called before every start.
	prepare(c config) error
	// command runs the server in the foreground, in c.Dir.
	command(c config) *exec.Cmd
	// usersReady reports whether all accounts exist by now.
	usersReady(c config) bool
	// diagnose looks through what the server printed since it was started for what
	// it does not treat as fatal but we must: nil, errPortTaken or another error.
	diagnose(output string) error
}

func newBackend(o Options) (backend, error) {
	if o.Kind == Ejabberd {
		return newEjabberd(o.Root)
	}
	return newProsody(o.Root, o.PluginPath)
}
