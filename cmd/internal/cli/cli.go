// Package cli is the command line: a command for each thing that people ask a
// running instance for, and those that help to set it up. It asks the instance by
// its HTTP API.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// ServeFunc runs the bridge with the configuration file that --config names; "" if
// it names none.
type ServeFunc func(ctx context.Context, file string) error

// failure is an error of a command that was understood.
type failure struct{ error }

// failed marks errors of what was asked rightly.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

func rootCommand(serve ServeFunc) *cobra.Command {
	root := &cobra.Command{
		Use:     "stanzahook",
		Version: build.Version,
		Short:   "A bridge between XMPP and HTTP",
		Long: `A bridge between XMPP and HTTP: what users write to bots goes to webhooks, and
what programs POST goes out as stanzas.

Begin with "stanzahook init"; "stanzahook check" says what is wrong, "stanzahook
serve" runs, "stanzahook status" shows its state. The exit code is 0 for success,
1 for a failure and 2 for a usage error.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // completion.go
	}
	root.SetVersionTemplate("stanzahook {{.Version}}\n") // as the first line of "stanzahook version"
	root.AddCommand(initCommand(), checkCommand(), serveCommand(serve), statusCommand(), reloadCommand(), sendCommand(), rosterCommand(), deliveriesCommand(), endpointsCommand(), tokenCommand(), completionCommand(), versionCommand(), manCommand())
	return root
}

// Run runs a command line, and returns its exit code. Of all commands only serve
// needs more than this package has.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, serve ServeFunc) int {
	root := rootCommand(serve)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var failed failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, failed.Error())
		return exitFailed
	}
	fmt.Fprintf(stderr, "stanzahook: %v\nRun '%s --help' for how it is used.\n", err, cmd.CommandPath())
	return exitUsage
}
