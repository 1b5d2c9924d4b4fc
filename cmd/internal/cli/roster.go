package cli

import (
	"net/url"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
)

func rosterCommand() *cobra.Command {
	cmd := group("roster", "Refresh and show rosters, through the running instance",
		`Refresh and show rosters, through the running instance, with a token of the scope
roster. What a roster should be is what the web application says (rosters in the
configuration).`, "refresh", "show", "diff")
	a := apiFlags(cmd, config.ScopeRoster)
	cmd.AddCommand(rosterRefresh(a),
		rosterOf(a, "show", "Show a user's roster, as it is wanted and as the server has it", "", as(printRoster)),
		rosterOf(a, "diff", "Show what a refresh of a user's roster would change", "/diff", as(printRosterDiff)))
	return cmd
}

// rosterOf is a command that prints something about one user's roster.
func rosterOf(a *api, verb, short, path string, print printer) *cobra.Command {
	var host string
	cmd := a.command(&cobra.Command{
		Use:   verb + " USER",
		Short: short,
		Long: short + `.

A USER is name@host, or the name alone if there is one host, or --host says which.`,
		Example: "  stanzahook roster " + verb + " juliet@example.com",
		Args:    cobra.ExactArgs(1),
	}, print, func(args []string) (instance.Request, error) {
		r := instance.Request{Path: "/v1/rosters/" + url.PathEscape(args[0]) + path, Query: url.Values{}}
		if host != "" {
			r.Query.Set("host", host)
		}
		return r, nil
	})
	cmd.Flags().StringVar(&host, "host", "", "the host of a USER without one; not needed if there is one alone")
	return cmd
}
