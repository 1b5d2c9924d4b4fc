package terminal

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Colour is how a text stands out on a terminal (ECMA-48, SGR).
type Colour string

// The colours.
const (
	Plain  Colour = ""
	Dim    Colour = "2"
	Red    Colour = "31"
	Green  Colour = "32"
	Yellow Colour = "33"
)

// Painter colours texts, if there is somebody to see it.
type Painter bool

// PainterFor returns a painter for a writer: one that paints on a terminal only, and not
// if NO_COLOR is set.
func PainterFor(w io.Writer) Painter {
	f, ok := w.(*os.File)
	return Painter(ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "")
}

// Paint returns a text in a colour.
func (p Painter) Paint(c Colour, text string) string {
	if !p || c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// ColourOf is the colour of a state.
func ColourOf(state string) Colour {
	switch state {
	case "delivered", "up", "ok":
		return Green
	case "queued", "retrying", "failing", "open":
		return Yellow
	case "dead", "dropped", "down", "disabled":
		return Red
	}
	return Plain
}
