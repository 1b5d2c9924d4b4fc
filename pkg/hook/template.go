package hook

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/template"
)

// The bounds of one run of a template. A step takes about a nanosecond, more or less, so that
// a run ends after some 100 ms; as steps are counted, and not the time, the same template and
// payload have the same text on every machine.
const (
	MaxText  = 64 << 10 // bytes
	MaxSteps = 100_000_000
)

// What things cost, in steps.
const (
	callSteps  = 300 // a round of a loop, a define, a function
	byteSteps  = 5   // a byte that a function reads
	slackSteps = 60  // a byte of markup of Slack
	mdSteps    = 300 // a byte of Markdown
	verbSteps  = 200 // a byte of a format, of which three can stand for 999 spaces
)

// Why a run has ended early. Errors wrap them.
var (
	ErrSteps = errors.New("the template takes more steps than fit in about 100 ms")
	ErrSize  = fmt.Errorf("the template writes more than %d KiB", MaxText>>10)
)

// Template makes a text of a payload. Several goroutines may use it.
type Template struct {
	parsed *template.Template
	free   sync.Pool // of *run
}

// ParseTemplate parses a template. Errors name the line.
func ParseTemplate(name, text string) (*Template, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("it has more than %d KiB", MaxText>>10)
	}
	parsed, err := template.New(name).Funcs((&run{}).functions()).Parse(text)
	if err != nil {
		return nil, errors.New(plain(name, err))
	}
	if err := rewrite(parsed); err != nil {
		return nil, errors.New(plain(name, err))
	}
	return &Template{parsed: parsed}, nil
}

// plain is an error of text/template without its words for us.
func plain(name string, err error) string {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if rest, ok := strings.CutPrefix(text, name+":"); ok {
		return "line " + rest
	}
	return text
}

// run is one run of a template. Its functions are bound to it.
type run struct {
	bound   *template.Template
	request *Request
	steps   int
	text    []byte
}

// Run makes the text of a payload. With an error it returns the text until there.
func (t *Template) Run(data any, r *Request) (string, error) {
	now, ok := t.free.Get().(*run)
	if !ok {
		clone, err := t.parsed.Clone()
		if err != nil {
			return "", err // only after a first run, of which there is none
		}
		now = &run{}
		now.bound = clone.Funcs(now.functions())
	}
	now.request, now.steps, now.text = r, 0, now.text[:0]
	err := now.bound.Execute(now, data)
	out := string(now.text)
	now.request = nil
	t.free.Put(now)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ErrSteps):
		return out, ErrSteps
	case errors.Is(err, ErrSize):
		return out, ErrSize
	}
	return out, errors.New(plain(t.parsed.Name(), err))
}

// Write implements io.Writer for text/template.
func (r *run) Write(p []byte) (int, error) {
	if len(r.text)+len(p) > MaxText {
		r.text = []byte(bound(string(append(r.text, p...))))
		return 0, ErrSize
	}
	r.text = append(r.text, p...)
	return len(p), nil
}

// tick is called in each round of a loop, and in each define.
func (r *run) tick() (string, error) { return "", r.spend(0, byteSteps) }

// spend counts a call that reads some bytes.
func (r *run) spend(bytes, each int) error {
	if r.steps += callSteps + bytes*each; r.steps > MaxSteps {
		return ErrSteps
	}
	return nil
}
