package hook

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/template"
	"time"
)

// The bounds of one run of a template.
const (
	MaxText = 64 << 10 // bytes
	MaxTime = 100 * time.Millisecond
)

// Why a run has ended early. Errors wrap them.
var (
	ErrTime = fmt.Errorf("the template takes more than %v", MaxTime)
	ErrSize = fmt.Errorf("the template writes more than %d KiB", MaxText>>10)
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
	began   time.Time
	rounds  int
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
	now.request, now.began, now.rounds, now.text = r, time.Now(), 0, now.text[:0]
	err := now.bound.Execute(now, data)
	out := string(now.text)
	now.request = nil
	t.free.Put(now)
	switch {
	case err == nil:
		return out, nil
	case errors.Is(err, ErrTime):
		return out, ErrTime
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

// few rounds may take longer than MaxTime, ten times at most: on a busy machine a short
// template is not cut.
const few = 1000

// tick is called in each round of a loop.
func (r *run) tick() (string, error) {
	r.rounds++
	if took := time.Since(r.began); took > MaxTime && (r.rounds > few || took > 10*MaxTime) {
		return "", ErrTime
	}
	return "", nil
}
