package cli

import (
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

func rosterCommand() *cobra.Command {
	cmd := group("roster", "Refresh and show rosters, through the running instance",
		`Refresh and show rosters, through the running instance, with a token of the scope
roster. What a roster should be is what the web application says (rosters in the
configuration).`, "refresh", "show", "diff")
	a := apiFlags(cmd, config.ScopeRoster)
	cmd.AddCommand(rosterRefresh(a),
		rosterOf(a, "show", "Show a user's roster, as it is wanted and as the server has it", "", printRoster),
		rosterOf(a, "diff", "Show what a refresh of a user's roster would change", "/diff", printRosterDiff))
	return cmd
}

// rosterOf is a command that prints something about one user's roster.
func rosterOf(a *api, verb, short, path string, print func(io.Writer, []byte) error) *cobra.Command {
	var host string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   verb + " USER",
		Short: short,
		Long: short + `.

A USER is name@host, or the name alone if there is one host, or --host says which.`,
		Example: "  stanzahook roster " + verb + " juliet@example.com",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			if host != "" {
				query.Set("host", host)
			}
			body, err := a.call(cmd.Context(), http.MethodGet, "/v1/rosters/"+url.PathEscape(args[0])+path, query)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				return failed(printJSON(cmd.OutOrStdout(), body))
			}
			return failed(print(cmd.OutOrStdout(), body))
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "the host of a USER without one; not needed if there is one alone")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	return cmd
}
