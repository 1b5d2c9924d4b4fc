package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"stanzahook/cmd/internal/terminal"
)

// step is a line of a script.
type step struct {
	line   int
	text   string       // as it stands there
	expect *expectation // nil: it is done as if it was typed
}

// expectation is what must come next for the user.
type expectation struct {
	wanted string // for people
	met    func(received) bool
	none   time.Duration // nothing must come within this time; else 0
}

// readScript reads a script, and reports each mistake in it with its line.
func readScript(file string) ([]step, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--script: %w", err)
	}
	var steps []step
	var wrong []error
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		step := step{line: i + 1, text: line}
		if strings.HasPrefix(line, "<") {
			step.expect, err = parseExpectation(line)
		} else {
			_, _, err = wordOf(line)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", file, i+1, err))
		}
		steps = append(steps, step)
	}
	return steps, errors.Join(wrong...)
}

// parseExpectation reads a line that begins with <.
func parseExpectation(line string) (*expectation, error) {
	how, arg, _ := strings.Cut(line, " ")
	switch {
	case how == "<" && arg != "":
		return &expectation{wanted: strconv.Quote(arg), met: func(x received) bool { return x.condition == "" && x.body == arg }}, nil
	case how == "<~" && arg != "":
		re, err := regexp.Compile(arg)
		if err != nil {
			return nil, err
		}
		return &expectation{wanted: "a text that matches " + arg, met: func(x received) bool { return x.condition == "" && re.MatchString(x.body) }}, nil
	case how == "<!" && arg != "":
		return &expectation{wanted: "the stanza error " + arg, met: func(x received) bool { return x.condition == arg }}, nil
	case how == "<none":
		d, err := time.ParseDuration(arg)
		if err != nil || d <= 0 {
			return nil, errors.New("write a duration, as in <none 1s")
		}
		return &expectation{wanted: "nothing within " + d.String(), none: d}, nil
	}
	return nil, errors.New("an expectation is one of < TEXT, <~ RE2, <! CONDITION, <none 1s; a message that begins with < is sent with /say")
}

// play does what a script says, up to the first expectation that is not met.
func (s *session) play(ctx context.Context, file string, steps []step) error {
	met := 0
	for _, step := range steps {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if step.expect == nil {
			s.screen.Typed(s.prompt(), step.text)
			if err := s.do(ctx, step.text); err != nil {
				return fmt.Errorf("%s:%d: %w", file, step.line, err)
			}
			continue
		}
		if err := s.expect(ctx, step.expect); err != nil {
			return fmt.Errorf("%s:%d: %w", file, step.line, err)
		}
		met++
	}
	s.screen.Print(terminal.Plain, fmt.Sprintf("as expected: %d of %d", met, met))
	return nil
}

// lag is how long what is known of deliveries may be behind what they cause.
const lag = time.Second

// caughtUp reports whether it is known what became of each message, or that some wait. The
// caller holds the lock.
func (s *session) caughtUp() bool {
	known := 0
	for _, n := range s.attempts {
		known += n
	}
	return known >= s.sent || len(s.unsure) > 0
}

// expect waits for what is expected, and takes it from what came. Its error says what came
// instead, and why.
func (s *session) expect(ctx context.Context, e *expectation) error {
	inbox, patience := s.inbox(), s.options.Patience
	if e.none > 0 {
		patience = e.none
	}
	var next received
	came := s.wait(ctx, patience, func() bool {
		if len(s.got[inbox]) == 0 {
			return false
		}
		next, s.got[inbox] = s.got[inbox][0], s.got[inbox][1:]
		return true
	})
	if e.none > 0 && !came || e.none == 0 && came && e.met(next) {
		s.wait(ctx, lag, s.caughtUp)
		s.change(func() { s.why = nil })
		return nil
	}
	s.wait(ctx, lag, func() bool { return len(s.why) > 0 })
	got := "nothing within " + patience.String()
	if came {
		got = next.String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for who, all := range s.got {
		if len(all) > 0 && who != inbox {
			got += fmt.Sprintf("; but %s got %v", who, all)
		}
	}
	why := strings.Join(s.why, "\n          ")
	if why == "" {
		why = "no request to the bot has ended yet"
	}
	return fmt.Errorf("not as expected\n  wanted: %s\n  got:    %s\n  why:    %s", e.wanted, got, why)
}
