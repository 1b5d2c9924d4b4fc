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
)

// version is set by the linker in releases.
var version = "dev"

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

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "stanzahook",
		Short:         "A bridge between XMPP and HTTP",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(serveCommand(), checkCommand(), rosterCommand(), deliveriesCommand(), tokenCommand(), versionCommand())
	err := root.ExecuteContext(ctx)
	var failed failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		fmt.Fprintln(stderr, failed.Error())
		return exitFailed
	}
	fmt.Fprintf(stderr, "stanzahook: %v\nRun 'stanzahook --help' for the commands and their flags.\n", err)
	return exitUsage
}
