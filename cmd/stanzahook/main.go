// Command stanzahook is a bridge between XMPP and HTTP: it attaches to an XMPP
// server as an external component (XEP-0114), gives what users write to it to
// webhooks, and sends what programs POST to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
)

// Exit codes: a run that failed, and a command line that makes no sense.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// failure is an error of a command that was understood.
type failure struct{ error }

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "stanzahook",
		Version: build.Version,
		Short:   "A bridge between XMPP and HTTP",
		Long: `A bridge between XMPP and HTTP: what users write to bots goes to webhooks, and
what programs POST goes out as stanzas.

Begin with "stanzahook init"; "stanzahook check" says what is wrong, "stanzahook
serve" runs, "stanzahook status" shows how it is. The exit code is 0 if all went well, 1 if something failed, and 2 if
the command line makes no sense.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // completion.go
	}
	root.SetVersionTemplate("stanzahook {{.Version}}\n") // as the first line of "stanzahook version"
	root.AddCommand(initCommand(), checkCommand(), serveCommand(), statusCommand(), reloadCommand(), sendCommand(), rosterCommand(), deliveriesCommand(), endpointsCommand(), tokenCommand(), completionCommand(), versionCommand(), manCommand())
	return root
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
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
