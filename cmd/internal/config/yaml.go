package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads the file as one document of nodes, which know their lines.
// It returns false after reporting that there is nothing to go on with.
func parseYAML(r *report, text []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, extra yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		r.addLine(1, "components", "at least one is needed, and the file is empty; \"stanzahook init\" writes one to start from")
		return nil, false
	}
	if err == nil {
		if err = decoder.Decode(&extra); err == nil {
			r.addLine(extra.Line, "", "a second document begins here; a configuration is one document, without \"---\" in it")
			return nil, false
		}
	}
	if !errors.Is(err, io.EOF) {
		reportSyntax(r, text, err)
		return nil, false
	}
	return document.Content[0], true
}

// reportSyntax reports what the YAML parser did not understand.
func reportSyntax(r *report, text []byte, err error) {
	// "yaml: line 3: what", or without a line.
	parts := regexp.MustCompile(`(?s)^yaml: (?:line \d+: )?(.*)$`).FindStringSubmatch(err.Error())
	what := err.Error()
	if parts != nil {
		what = parts[1]
	}
	switch {
	case strings.HasPrefix(what, "unknown anchor"):
		// The parser names the anchor. It may be a password: secret: *hunter2
		what = "a value that begins with * refers to an anchor, and there is none of that name; if it is text, put it in quotes"
	case strings.Contains(what, "cannot start any token"):
		what += "; YAML indents with spaces, not with tabs, and text that begins with @ ` % or a tab must be in quotes"
	case strings.Contains(what, "mapping values are not allowed"):
		what += "; check the indentation, and put text with \": \" in it in quotes"
	case strings.Contains(what, "could not find expected ':'"):
		what += "; write a colon and a space between a key and its value"
	case strings.Contains(what, "did not find expected key"), strings.Contains(what, "did not find expected '-'"):
		what += "; check the indentation of this line and the one before"
	}
	r.addLine(syntaxLine(text), "", "not valid YAML: %s", what)
}

// syntaxLine finds the line that makes the file invalid: the one after the
// longest beginning that is valid. The parser's own line is no help: for some
// errors it is the line before, for others the start of the enclosing block,
// and sometimes there is none.
func syntaxLine(text []byte) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	// Invalid beginnings before the error exist, where a quoted text or a
	// bracket spans lines, so that halving could find one of those. Halve
	// large files only: trying each beginning takes quadratic time.
	const most = 2000
	if len(lines) > most {
		low, high := 0, len(lines) // the first low lines are valid, the first high ones are not
		for high-low > 1 {
			if middle := (low + high) / 2; isYAML(lines[:middle]) {
				low = middle
			} else {
				high = middle
			}
		}
		return high
	}
	n := len(lines)
	for n > 1 && !isYAML(lines[:n-1]) {
		n--
	}
	return n
}

func isYAML(lines [][]byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(bytes.Join(lines, nil)))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}
