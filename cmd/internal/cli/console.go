package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"stanzahook/httpapi/console"
)

func consoleCommand() *cobra.Command {
	var a *api
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Print the URL of the console of the running instance",
		Long: `Print the URL of the console of the running instance, to be opened in a browser. The
page asks for a token; the URL has none.

The exit code is 1 if no instance answers, or if its console is off.`,
		Example: `  stanzahook console
  xdg-open "$(stanzahook console)"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			base, err := a.base()
			if err != nil {
				return err
			}
			_, err = a.send(cmd.Context(), request{path: console.Path})
			if no, ok := errors.AsType[*apiError](err); ok && no.status == http.StatusNotFound {
				err = errors.New("the console is off at " + public(base) + "; write http.console: on into the configuration, and reload it")
			}
			if err != nil {
				return failed(err)
			}
			url := public(base) + console.Path
			if asJSON(cmd) {
				return failed(encodeJSON(cmd.OutOrStdout(), map[string]string{"url": url}))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), url)
			return failed(err)
		},
	}
	a = apiFlags(cmd, "")
	jsonFlag(cmd, "as JSON")
	return cmd
}
