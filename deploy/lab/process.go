package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// lookPath finds a program also where an ordinary user's PATH may not look.
func lookPath(name string) (string, error) {
	if bin, err := exec.LookPath(name); err == nil {
		return bin, nil
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"} {
		if bin, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return bin, nil
		}
	}
	return "", exec.ErrNotFound
}

// serverEnv is a small environment of our own: settings for another Lua, Erlang or
// ejabberd in the caller's must not reach the server.
func serverEnv(c config) []string {
	return []string{
		"PATH=" + os.Getenv("PATH") + ":/usr/local/bin:/usr/bin:/bin",
		"HOME=" + c.Dir,
		"LANG=C.UTF-8",
	}
}

// Process is a program that we run, such as a server.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; valid after done
}

// StartProcess runs cmd in a process group of its own, with its output going to w. On
// Linux it ends with the calling process.
func StartProcess(cmd *exec.Cmd, w io.Writer) (*Process, error) {
	cmd.Stdout, cmd.Stderr = w, w
	cmd.SysProcAttr = ownGroup()
	// A helper process of the server may hold its output open a little longer.
	cmd.WaitDelay = time.Second
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// On Linux the server dies with the thread that started it, not with the
		// process: this thread has to live as long as the server does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", cmd.Path, err)
	}
	return p, nil
}

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether it has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Reason is how it ended; valid after Done.
func (p *Process) Reason() error {
	if p.err == nil {
		return errors.New("without an error")
	}
	return p.err
}

// Stop asks it to end, and kills it when the context ends.
func (p *Process) Stop(ctx context.Context) error {
	if p.Exited() {
		return nil
	}
	if err := p.cmd.Process.Signal(terminateSignal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot stop %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return p.kill()
	}
}

// kill ends it and what else is in its process group, and waits for it.
func (p *Process) kill() error {
	if p.Exited() {
		return nil
	}
	if err := killGroup(p.cmd.Process); err != nil {
		return fmt.Errorf("cannot kill %s: %w", p.cmd.Path, err)
	}
	<-p.done
	return nil
}
