package cli

import (
	"io"
	"os"

	"golang.org/x/term"
)

// colour is how a text stands out on a terminal (ECMA-48, SGR).
type colour string

const (
	plain  colour = ""
	dim    colour = "2"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
)

// painter colours texts, if there is somebody to see it.
type painter bool

// painterFor returns a painter for a writer: one that paints on a terminal only, and not
// if NO_COLOR is set.
func painterFor(w io.Writer) painter {
	f, ok := w.(*os.File)
	return painter(ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "")
}

func (p painter) paint(c colour, text string) string {
	if !p || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// colourOf is the colour of a state.
func colourOf(state string) colour {
	switch state {
	case "delivered", "up", "ok":
		return green
	case "queued", "retrying", "failing", "open":
		return yellow
	case "dead", "dropped", "down", "disabled":
		return red
	}
	return plain
}
