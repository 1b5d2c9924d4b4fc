// Command stanzahook is a bridge between XMPP and HTTP: it attaches to an XMPP
// server as an external component (XEP-0114), gives what users write to it to
// webhooks, and sends what programs POST to it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"stanzahook/cmd/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr, cli.Bridge{Serve: serve, Start: start}))
}
