package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a configuration: where it is and what to do.
type Problem struct {
	File     string `json:"file"`               // as it was named
	Line     int    `json:"line"`               // 0 if the mistake is not in a line of the file
	Variable string `json:"variable,omitempty"` // the environment variable, if the value came from one
	Key      string `json:"key"`                // the key's path, as endpoints[1].timeout; "" if it is about the whole file
	Text     string `json:"text"`               // never shows a secret's value
}

// String is the problem in one line, as compilers write theirs.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Variable != "":
		b.WriteString(p.Variable + ": ")
	case p.File == "": // an endpoint of the API
	case p.Line > 0:
		fmt.Fprintf(&b, "%s:%d: ", p.File, p.Line)
	default:
		b.WriteString(p.File + ": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is everything that is wrong with a configuration: first the file,
// by line, then the environment, by name.
type Problems []Problem

// Error is all of them, one per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// report collects the problems of one loading and knows where each value came
// from, so that the checks need to name the key only.
//
// One mistake gives one problem: a key that has been reported, and the keys below it,
// are not reported again. A secret of the wrong type, say, is
// left out of the values, and would otherwise be missing as well.
type report struct {
	file      string
	lines     map[string]int    // key path -> line in the file
	set       map[string]bool   // key paths that have a value in the file
	variables map[string]string // key path -> environment variable that set it
	reported  map[string]bool   // key paths, and variables
	problems  Problems
}

func newReport(file string) *report {
	return &report{
		file:      file,
		lines:     make(map[string]int),
		set:       make(map[string]bool),
		variables: make(map[string]string),
		reported:  make(map[string]bool),
	}
}

// add reports a problem with the value of a key, wherever the value came from.
// A key that is not set has the line of the section that lacks it.
func (r *report) add(key, format string, args ...any) {
	if variable, ok := r.variables[key]; ok {
		if !r.reported[variable] {
			r.silence(variable)
			r.addVariable(variable, key, format, args...)
		}
		return
	}
	if r.isReported(key) {
		return
	}
	r.reject(r.lineOf(key), key, format, args...)
}

// reject reports a problem in a line of the file, for a value that cannot be
// used, so that more checks of it would only repeat that.
func (r *report) reject(line int, key, format string, args ...any) {
	r.silence(key)
	r.addLine(line, key, format, args...)
}

// addLine reports a problem in a line of the file.
func (r *report) addLine(line int, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// addVariable reports a problem with an environment variable.
func (r *report) addVariable(variable, key, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Variable: variable, Key: key, Text: fmt.Sprintf(format, args...)})
}

// silence keeps later problems of a key out: the cause is reported already.
// The key "" is the whole file.
func (r *report) silence(key string) { r.reported[key] = true }

// isReported reports whether the key, or one that it is part of, has a problem.
func (r *report) isReported(key string) bool {
	for ; key != ""; key = parentKey(key) {
		if r.reported[key] {
			return true
		}
	}
	return r.reported[""]
}

// isSet reports whether the file or the environment sets the key.
func (r *report) isSet(key string) bool {
	_, inEnvironment := r.variables[key]
	return r.set[key] || inEnvironment
}

func (r *report) lineOf(key string) int {
	for ; key != ""; key = parentKey(key) {
		if line, ok := r.lines[key]; ok {
			return line
		}
	}
	return 1
}

// parentKey is the path of what a key is part of: a.b[1].c, a.b[1], a.b, a.
func parentKey(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// err returns everything reported, in order, or nil. A slip in an anchor's
// value comes once for each place that uses the anchor: these stay in the
// order of the file's keys.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Variable, b.Variable), // "" first: the file before the environment
			cmp.Compare(a.Line, b.Line),
		)
	})
	return r.problems
}
