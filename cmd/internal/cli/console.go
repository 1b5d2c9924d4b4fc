package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
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
			base, err := a.Base()
			if err != nil {
				return err
			}
			_, err = a.Send(cmd.Context(), instance.Request{Path: console.Path})
			if no, ok := errors.AsType[*instance.Error](err); ok && no.Status == http.StatusNotFound {
				err = errors.New("the console is off at " + instance.Public(base) + "; write http.console: on into the configuration, and reload it")
			}
			if err != nil {
				return failed(err)
			}
			url := instance.Public(base) + console.Path
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
