package cli

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
)

func commandsCommand() *cobra.Command {
	cmd := group("commands", "Show and set commands of bots, through the running instance",
		`Show and set the commands of bots (XEP-0050), through the running instance, with a token of
the scope admin.`, "list", "runs", "put", "delete")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(commandsList(a), commandsRuns(a), commandsPut(a), commandsDelete(a))
	return cmd
}

// botCommand is a command of bots, as far as it is printed.
type botCommand struct {
	Node, Name, Chat, Source string
	Bots                     []string
	Count, Failed            int
	LastTime                 *time.Time `json:"last_time"`
}

// commandRun is a run of a command, as far as it is printed.
type commandRun struct {
	Time                               time.Time
	From, Bot, By, Room, Result, Error string
	Step, Milliseconds                 int
}

func commandPath(node string) string { return "/v1/commands/" + url.PathEscape(node) }

func commandsList(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "list",
		Short:   "List the commands of bots",
		Long:    "List the commands of bots, with how often each was run since the instance was started.",
		Example: "  stanzahook commands list",
		Args:    cobra.NoArgs,
	}, as(table[botCommand]{
		none:  "no bot has a command; add one under commands in the configuration, or with \"stanzahook commands put\"",
		heads: "NODE\tNAME\tCHAT\tFROM\tRUNS\tFAILED\tLAST",
		rows: func(c *botCommand, row func(...any)) {
			row(c.Node, c.Name, c.Chat, c.Source, c.Count, c.Failed, c.LastTime)
		},
	}.print), func([]string) (instance.Request, error) {
		return instance.Request{Path: "/v1/commands"}, nil
	})
}

func commandsRuns(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "runs NODE",
		Short:   "Show the latest runs of a command",
		Long:    "Show the latest runs of a command since the instance was started, the newest first: who ran\nit, and what came of it. The values are not kept.",
		Example: "  stanzahook commands runs deploy",
		Args:    cobra.ExactArgs(1),
	}, as(table[commandRun]{
		none:  "no run since the start",
		heads: "TIME\tFROM\tBOT\tROOM\tBY\tSTEP\tRESULT\tWHY",
		rows: func(r *commandRun, row func(...any)) {
			row(r.Time, r.From, r.Bot, r.Room, r.By, r.Step, r.Result, r.Error)
		},
	}.print), func(args []string) (instance.Request, error) {
		return instance.Request{Path: commandPath(args[0]) + "/runs"}, nil
	})
}

func commandsPut(a *api) *cobra.Command {
	return a.put(&cobra.Command{
		Use:   "put FILE",
		Short: "Create or replace a command",
		Long: `Create a command, or replace it as a whole. The file is YAML or JSON, with the keys of an
element of commands in the configuration; - is stdin. The instance keeps the command in its
store.`,
		Example: "  stanzahook commands put deploy.yaml",
	}, "command", "node", commandPath, as(func(w io.Writer, c *botCommand) error {
		_, err := fmt.Fprintf(w, "the command %s is kept, as %q\n", c.Node, c.Name)
		return err
	}))
}

func commandsDelete(a *api) *cobra.Command {
	return a.remove(&cobra.Command{
		Use:     "delete NODE",
		Short:   "Delete a command that was put",
		Long:    "Delete a command that was put. One of the configuration file is deleted there.",
		Example: "  stanzahook commands delete deploy",
	}, commandPath)
}
