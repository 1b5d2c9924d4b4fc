// Package cli is the command line: the commands of operators, which use the HTTP API of
// a running instance, and those that help to set it up.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/dev"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Bridge runs the bridge in this process; only main can.
type Bridge struct {
	Serve ServeFunc
	Start dev.StartFunc
}

// ServeFunc runs the bridge with the configuration file that --config names; "" if
// it names none.
type ServeFunc func(ctx context.Context, file string) error

// failure is an error that is no usage error.
type failure struct{ error }

// failed makes an error a failure.
func failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

func rootCommand(b Bridge) *cobra.Command {
	root := &cobra.Command{
		Use:     "stanzahook",
		Version: build.Version,
		Short:   "A bridge between XMPP and HTTP",
		Long: `A bridge between XMPP and HTTP: what users write to bots goes to webhooks, and
what programs POST goes out as stanzas.

Begin with "stanzahook init", or with "stanzahook dev" to write a bot. "stanzahook check"
finds mistakes, "stanzahook serve" runs the bridge, "stanzahook status" shows its state,
"stanzahook tail" what happens. The exit code is 0 for success,
1 for a failure and 2 for a usage error.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // completion.go
	}
	root.SetVersionTemplate("stanzahook {{.Version}}\n") // as the first line of "stanzahook version"
	root.AddCommand(initCommand(), checkCommand(), serveCommand(b.Serve), devCommand(b.Start), statusCommand(), tailCommand(), listenCommand(), reloadCommand(), consoleCommand(), sendCommand(), rosterCommand(), roomsCommand(), botsCommand(), commandsCommand(), deliveriesCommand(), endpointsCommand(), hookCommand(), mcpCommand(), tokenCommand(), storeCommand(), completionCommand(), versionCommand(), manCommand())
	return root
}

// Run runs a command line, and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, b Bridge) int {
	root := rootCommand(b)
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
