package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The exit code of a failure is 1, and its error has no usage; texts_cases_test.go has
// the usage errors.
func TestExitCodes(t *testing.T) {
	t.Setenv(EnvAPI, "http://127.0.0.1:9") // nobody is asked, and nobody is there
	for _, line := range []string{"serve --config /none", "check --config /none", "send --to a@b --body x", "roster show a", "deliveries list", "endpoints list", "endpoints test a", "status", "reload", "tail", "deliveries list --follow", "dev --script /none"} {
		if code, out, errs := inProgram(t, strings.Fields(line)...); code != exitFailed || out != "" || errs == "" || strings.HasPrefix(errs, "stanzahook: ") {
			t.Errorf("%s: %d %s%s", line, code, out, errs)
		}
	}
	for _, line := range []string{"", "version", "version --json", "--version", "help", "token new --help"} {
		if code, out, errs := inProgram(t, strings.Fields(line)...); code != 0 || out == "" || errs != "" {
			t.Errorf("%s: %d %s%s", line, code, out, errs)
		}
	}
}

// everyCommand calls f with every command for users that does something.
func everyCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, c := range cmd.Commands() {
		if c.HasSubCommands() {
			everyCommand(c, f)
		} else if c.Name() != "help" && !c.Hidden {
			f(c)
		}
	}
}

// Every command says what it does, by an example too, and speaks JSON.
func TestHelp(t *testing.T) {
	n := 0
	everyCommand(rootCommand(Bridge{}), func(c *cobra.Command) {
		n++
		if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "  stanzahook ") {
			t.Errorf("%s: the help is not complete", c.CommandPath())
		}
		if json := c.Flags().Lookup("json"); (json == nil) != (c.Name() == "serve" || c.Name() == "dev" || c.Name() == "listen" || c.Name() == "mcp" || c.Name() == "completion") {
			t.Errorf("%s: --json %v", c.CommandPath(), json)
		}
		for _, line := range strings.Split(c.Long+"\n"+c.Example, "\n") {
			if len([]rune(line)) > 105 {
				t.Errorf("%s: a line of %d characters", c.CommandPath(), len([]rune(line)))
			}
		}
	})
	if n < 21 {
		t.Errorf("%d commands", n)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range shells {
		if code, out, errs := inProgram(t, "completion", shell); code != 0 || !strings.Contains(out, "stanzahook") || errs != "" {
			t.Errorf("%s: %d %s", shell, code, errs)
		}
	}
	for line, want := range map[string]string{
		"init --server ":           "ejabberd",
		"deliveries list --state ": "retrying",
		"send --type ":             "groupchat",
		"token new --scopes ":      "admin",
		"ro":                       "roster",
		"completion ":              "fish",
	} {
		var out strings.Builder
		root := rootCommand(Bridge{})
		root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, strings.Split(line, " ")...))
		root.SetOut(&out)
		root.SetErr(io.Discard)
		if err := root.Execute(); err != nil || !strings.Contains(out.String(), want+"\n") {
			t.Errorf("%q: %v %s", line, err, out.String())
		}
	}
}
