package cli

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"stanzahook/deploy/lab/harness"
)

var (
	inlineCommand = regexp.MustCompile("`(?:sudo (?:-E )?)?(?:bin/)?stanzahook ([a-z-][^`]*)`")
	lineCommand   = regexp.MustCompile(`(?m)^ *(?:sudo (?:-E )?)?(?:bin/)?stanzahook ([a-z-].*)$`)
	codeInPage    = regexp.MustCompile("(?ms)^```sh\n.*?^```|^    [^ ].*?$")
	quotedWord    = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// Every command line of stanzahook in the documents has a command and flags that there
// are.
func TestDocumentedCommands(t *testing.T) {
	pages := []string{"README.md", ".github/CONTRIBUTING.md"}
	for _, pattern := range []string{"deploy/guide/*.md", "deploy/guide/migrate/*.md", "examples/guide/*.md"} {
		found, err := filepath.Glob("../../../" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range found {
			pages = append(pages, strings.TrimPrefix(name, "../../../"))
		}
	}
	commands := 0
	for _, page := range pages {
		text := harness.Page(t, page)
		lines := lineCommand.FindAllStringSubmatch(strings.Join(codeInPage.FindAllString(text, -1), "\n"), -1)
		for _, m := range append(lines, inlineCommand.FindAllStringSubmatch(text, -1)...) {
			line, _, _ := strings.Cut(quotedWord.ReplaceAllString(strings.Join(strings.Fields(m[1]), " "), "x"), " #")
			if strings.ContainsAny(line, "|…[") {
				continue // it names several
			}
			commands++
			cmd, args, err := rootCommand(Bridge{}).Find(strings.Fields(line))
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err != nil && !errors.Is(err, pflag.ErrHelp) {
				t.Errorf("%s: stanzahook %s: %v", page, line, err)
			}
		}
	}
	if commands < 60 {
		t.Errorf("only %d commands were found", commands)
	}
}
