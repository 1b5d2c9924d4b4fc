package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"stanzahook/deploy/lab"
)

const stopTime = 5 * time.Second // after which stop kills

// program is one that we run; its output goes to a file.
type program struct {
	*lab.Process
	path   string
	output *os.File
}

// start runs a program until the stage is struck, with the stage's directory as its home.
func (s *stage) start(name, path string, args ...string) (*program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: run make build first", err)
	}
	output, err := os.Create(filepath.Join(s.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.dir
	// Not our environment: settings for another stanzahook must not reach this one.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir}
	p, err := lab.StartProcess(cmd, output)
	if err != nil {
		_ = output.Close() // nothing was written
		return nil, err
	}
	s.programs = append(s.programs, &program{p, path, output})
	return s.programs[len(s.programs)-1], nil
}

// find looks through the output for what match takes out of a line, other than "".
func (p *program) find(ctx context.Context, match func(string) string) (string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ended := p.Exited() // before the output is read, which is complete then
		for line := range strings.Lines(p.text()) {
			if found := match(strings.TrimSuffix(line, "\n")); found != "" && strings.HasSuffix(line, "\n") {
				return found, nil
			}
		}
		if ended {
			return "", errors.New(p.ending())
		}
		select {
		case <-tick.C:
		case <-p.Done():
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// text is the output so far.
func (p *program) text() string {
	text, err := io.ReadAll(io.NewSectionReader(p.output, 0, 1<<40))
	if err != nil {
		return fmt.Sprintf("(the output cannot be read: %v)", err)
	}
	return string(text)
}

// ending says how a program ended that should not have; valid after Done.
func (p *program) ending() string {
	return fmt.Sprintf("%s ended by itself: %v\n%s", filepath.Base(p.path), p.Reason(), lab.Tail(p.text()))
}

// stop ends the program.
func (p *program) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	_ = p.Stop(ctx)      // an error means that it has ended already
	_ = p.output.Close() // the file is removed with the rest
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
// after their own kill -9. It returns how to let the caretaker go.
func startCaretaker(dir string) (release func(), err error) {
	cmd := exec.Command("/bin/sh", "-c", caretaking, "sh", dir)
	leash, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", cmd.Path, err)
	}
	return func() {
		_ = leash.Close() // it is a pipe: nothing to flush
		_ = cmd.Wait()
	}, nil
}
