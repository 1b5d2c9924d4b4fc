package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	stopTime  = 5 * time.Second // after which stop kills
	tailLines = 20
)

// process is a program that we run. A nil one is none: stop and release do nothing.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer     // of the caretaker only
	done  chan struct{} // closed when it has ended
	err   error         // how it ended; valid after done

	mu    sync.Mutex // guards what follows
	log   io.Writer  // gets all of the output; nil: nobody
	rest  string     // of the output: a line that is not complete
	lines []string   // the last ones
	seen  chan string
}

// startProcess runs a program with dir as its home; the end of its output is kept in
// memory, and all of it goes to log, if there is one.
func startProcess(dir string, log io.Writer, program string, args ...string) (*process, error) {
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	// Not our environment: settings for another stanzahook must not reach this one.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	cmd.SysProcAttr = dieWithUs()
	p := &process{cmd: cmd, done: make(chan struct{}), seen: make(chan string, tailLines), log: log}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.WaitDelay = time.Second // if something it started still holds the output open
	return p.start()
}

// start returns p, or nil and why it cannot be run.
func (p *process) start() (*process, error) {
	started := make(chan error)
	go func() {
		// On Linux the program dies with the thread that started it, not with the
		// process: this thread has to live as long as the program does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", p.cmd.Path, err)
	}
	return p, nil
}

// Write takes in the program's output.
func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log != nil {
		_, _ = p.log.Write(data) // without it the demonstration goes on
	}
	lines := strings.Split(p.rest+string(data), "\n")
	p.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		p.lines = append(p.lines, line)
		select {
		case p.seen <- line:
		default: // nobody is looking for anything any more
		}
	}
	p.lines = p.lines[max(0, len(p.lines)-tailLines):]
	return len(data), nil
}

// find looks through the first lines of output for what match takes out of one,
// other than "".
func (p *process) find(ctx context.Context, match func(string) string) (string, error) {
	for {
		select {
		case line := <-p.seen:
			if found := match(line); found != "" {
				return found, nil
			}
		case <-p.done:
			return "", errors.New(p.ending())
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// ending says how a program ended that should not have; valid after done.
func (p *process) ending() string {
	how := "without an error"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Sprintf("%s ended by itself: %s\n%s", filepath.Base(p.cmd.Path), how, p.tail())
}

// tail is the end of the output.
func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// stop ends the program.
func (p *process) stop() {
	if p == nil {
		return
	}
	// An error means that it has ended already.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTime):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// caretaking waits for the end of its input, which comes when we end, and gives
// programs that are dying then some time.
const caretaking = `trap '' HUP INT TERM
read -r _
for try in 1 2 3 4 5; do
	[ -e "$1" ] || exit 0
	rm -rf "$1"
	sleep 1
done`

// startCaretaker sees to it that dir is removed however we end: nobody can clean up
// after their own kill -9.
func startCaretaker(dir string) (*process, error) {
	cmd := exec.Command("/bin/sh", "-c", caretaking, "sh", dir)
	cmd.SysProcAttr = surviveUs()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	p := &process{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	return p.start()
}

// release lets the caretaker go.
func (p *process) release() {
	if p == nil {
		return
	}
	_ = p.stdin.Close() // it is a pipe: nothing to flush
	<-p.done
}
