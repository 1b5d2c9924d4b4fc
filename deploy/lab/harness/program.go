//go:build linux

package harness

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Program is a running stanzahook.
type Program struct {
	T    testing.TB
	Cmd  *exec.Cmd
	Log  *Logbook
	done chan struct{} // closed when it has ended
	Err  error         // how; valid after done
	Addr string        // of its HTTP server
}

// Launch starts the program with a configuration in a directory of its own and
// returns when it says that it has started.
func Launch(t testing.TB, c Config) *Program {
	t.Helper()
	return LaunchIn(t, t.TempDir(), c)
}

// LaunchIn is Launch in a directory, where the store may be already.
func LaunchIn(t testing.TB, dir string, c Config) *Program {
	t.Helper()
	return LaunchFile(t, c.Write(t, dir))
}

// LaunchFile starts the program with a configuration file.
func LaunchFile(t testing.TB, file string) *Program {
	t.Helper()
	return Command(t, "serve", "--config", file).Started()
}

// LaunchLinked is LaunchFile, and waits for the connection of one component.
func LaunchLinked(t testing.TB, file string) *Program {
	t.Helper()
	p := LaunchFile(t, file)
	p.AwaitLinks(1)
	return p
}

// Started waits until it says that it has.
func (p *Program) Started() *Program {
	t := p.T
	t.Helper()
	Eventually(t, "stanzahook has started", func() bool {
		if p.Ended() {
			t.Fatalf("stanzahook ended: %v", p.Err)
		}
		for _, e := range p.Log.Entries() {
			if e.Msg == "started" {
				p.Addr = e.HTTP
				return true
			}
		}
		return false
	})
	return p
}

// LaunchConnected is Launch that also waits for the connections of all components.
func LaunchConnected(t testing.TB, c Config) *Program {
	t.Helper()
	p := Launch(t, c)
	p.AwaitLinks(len(c.Components))
	return p
}

// Command starts the program with any arguments.
func Command(t testing.TB, args ...string) *Program {
	t.Helper()
	return CommandUnder(t, nil, args...)
}

// CommandUnder starts it by way of another program, whose place it takes: its
// process is the same.
func CommandUnder(t testing.TB, other []string, args ...string) *Program {
	t.Helper()
	line := slices.Concat(other, []string{Binary}, args)
	p := &Program{T: t, Cmd: exec.Command(line[0], line[1:]...), Log: &Logbook{}, done: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr = p.Log, p.Log
	if coverDir != "" {
		p.Cmd.Env = append(os.Environ(), "GOCOVERDIR="+coverDir)
	}
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the test itself is killed
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends, not when the process does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.Cmd.Start()
		started <- err
		if err == nil {
			p.Err = p.Cmd.Wait()
			close(p.done)
		}
	}()
	require.NoError(t, <-started)
	ShowLog(t, "stanzahook "+strings.Join(args, " "), p.Log.String)
	t.Cleanup(func() {
		if coverDir != "" {
			p.end(time.Second)
		}
		p.Kill()
		for _, bad := range []string{"DATA RACE", "panicked", "panic:", "fatal error:", Secret, "token-all"} {
			if strings.Contains(p.Log.String(), bad) {
				t.Errorf("the log has %q in it", bad)
			}
		}
	})
	return p
}

// Ended reports whether it has.
func (p *Program) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// end gives it so much time to end by itself.
func (p *Program) end(within time.Duration) {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
	case <-time.After(within):
	}
}

// Kill ends it at once.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill() // it may have ended
	<-p.done
}

// Terminate asks it to end.
func (p *Program) Terminate() {
	p.T.Helper()
	require.NoError(p.T, p.Cmd.Process.Signal(syscall.SIGTERM))
}

// Stop asks it to end and returns its exit code.
func (p *Program) Stop() int {
	p.T.Helper()
	p.Terminate()
	return p.Wait()
}

// StopWell is Stop for a program that must end with the exit code 0.
func (p *Program) StopWell() {
	p.T.Helper()
	if code := p.Stop(); code != 0 {
		p.T.Errorf("exit code %d", code)
	}
}

// Wait waits for its end and returns its exit code.
func (p *Program) Wait() int {
	p.T.Helper()
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.T.Fatal("stanzahook does not end")
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Connects counts how often the links came up.
func (p *Program) Connects() int {
	return p.Log.Count(func(e LogEntry) bool { return e.Msg == "connected" })
}

// AwaitLinks waits until its links have come up so often.
func (p *Program) AwaitLinks(n int) {
	p.T.Helper()
	Eventually(p.T, "stanzahook is connected", func() bool { return p.Connects() >= n })
}

// RunProgram runs the program to its end.
func RunProgram(t testing.TB, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), Binary, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "STANZAHOOK_") }), env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if strings.Contains(errs.String(), "DATA RACE") || strings.Contains(errs.String(), "panic:") {
		t.Errorf("%v: %s", args, errs.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
