package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// devScreen is where a conversation is shown and typed: a terminal with a prompt, or a
// pipe.
type devScreen struct {
	mu      sync.Mutex
	out     io.Writer
	scanner *bufio.Scanner
	paint   painter
	editor  *term.Terminal // nil: no terminal
	restore func()
}

// newDevScreen returns a screen; if it is to have a prompt, and there is a terminal, it has.
func newDevScreen(from io.Reader, to io.Writer, prompt bool) *devScreen {
	d := &devScreen{out: to, scanner: bufio.NewScanner(from), paint: painterFor(to), restore: func() {}}
	in, ok := from.(*os.File)
	out, ok2 := to.(*os.File)
	if !prompt || !ok || !ok2 || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return d
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return d
	}
	d.restore = func() {
		_ = term.Restore(int(in.Fd()), before) // there is nobody to tell
		_, _ = io.WriteString(out, "\n")       // behind the prompt
	}
	d.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "")
	if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
		_ = d.editor.SetSize(width, height) // only drawing can fail
	}
	d.out = d.editor
	return d
}

// close gives the terminal back. Nothing is shown any more.
func (d *devScreen) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out = io.Discard
	d.restore()
}

// print prints a text of any number of lines, made harmless for a terminal.
func (d *devScreen) print(c colour, text string) {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = d.paint.paint(c, onTerminal(line))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.out, strings.Join(lines, "\n")+"\n") // a reader that has gone ends the command by its own signal
}

// typed shows a line that nobody has seen being typed.
func (d *devScreen) typed(prompt, line string) {
	if d.editor == nil {
		d.print(plain, prompt+line)
	}
}

// line returns the next line that is typed; false: there is none any more.
func (d *devScreen) line(ctx context.Context, prompt string) (string, bool) {
	read := func() (string, bool) { ok := d.scanner.Scan(); return d.scanner.Text(), ok }
	if d.editor != nil {
		d.editor.SetPrompt(prompt)
		read = func() (string, bool) { line, err := d.editor.ReadLine(); return line, err == nil }
	}
	type result struct {
		line string
		ok   bool
	}
	got := make(chan result, 1)
	// When the context is done it ends with the process: nobody can interrupt a read of a
	// terminal.
	go func() {
		line, ok := read()
		got <- result{line, ok}
	}()
	select {
	case r := <-got:
		return r.line, r.ok
	case <-ctx.Done():
		return "", false
	}
}
