package terminal

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Screen is where a conversation is shown and typed: a terminal with a prompt, or a
// pipe.
type Screen struct {
	mu      sync.Mutex
	out     io.Writer
	scanner *bufio.Scanner
	paint   Painter
	editor  *term.Terminal // nil: no terminal
	restore func()
}

// NewScreen returns a screen; if it is to have a prompt, and there is a terminal, it has.
func NewScreen(from io.Reader, to io.Writer, prompt bool) *Screen {
	d := &Screen{out: to, scanner: bufio.NewScanner(from), paint: PainterFor(to), restore: func() {}}
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

// Close gives the terminal back. Nothing is shown any more.
func (d *Screen) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.out = io.Discard
	d.restore()
}

// Print prints a text of any number of lines, made harmless for a terminal.
func (d *Screen) Print(c Colour, text string) {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i, line := range lines {
		lines[i] = d.paint.Paint(c, Harmless(line))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.out, strings.Join(lines, "\n")+"\n") // a reader that has gone ends the command by its own signal
}

// Interactive reports whether somebody sees a prompt.
func (d *Screen) Interactive() bool { return d.editor != nil }

// Typed shows a line that nobody has seen being typed.
func (d *Screen) Typed(prompt, line string) {
	if d.editor == nil {
		d.Print(Plain, prompt+line)
	}
}

// Line returns the next line that is typed; false: there is none any more.
func (d *Screen) Line(ctx context.Context, prompt string) (string, bool) {
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
