package cli

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal; a pipe or a file gets nothing.
type progress struct {
	out io.Writer // nil: none
	of  string    // what it counts
	bar *progressbar.ProgressBar
}

func newProgress(out io.Writer, of string) *progress {
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progress{out: out, of: of}
	}
	return &progress{}
}

// show draws the bar.
func (p *progress) show(done, total int) {
	if p.out == nil || total <= 0 {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.of),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))
	}
	_ = p.bar.Set(min(done, total)) // only drawing can fail, and nothing depends on it
}

// end removes the bar.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish() // as in show
	}
}
