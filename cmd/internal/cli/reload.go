package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

func reloadCommand() *cobra.Command {
	var a *api
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Let the running instance read its configuration again",
		Long: `Let the running instance read its configuration again, with a token of the scope
admin. A file with mistakes is rejected as a whole: they are shown, the exit code
is 1, and the instance keeps running with the configuration it had. So is one that
changes what only a restart can change.`,
		Example: "  stanzahook reload",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return failed(reload(cmd, a, asJSON)) },
	}
	a = apiFlags(cmd, config.ScopeAdmin)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it; a rejection too")
	return cmd
}

func reload(cmd *cobra.Command, a *api, asJSON bool) error {
	body, err := a.call(cmd.Context(), http.MethodPost, "/v1/reload", nil)
	if no, ok := errors.AsType[*apiError](err); ok && no.status == http.StatusUnprocessableEntity {
		return rejected(cmd, no, asJSON)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), body)
	}
	var done struct{ Changed []string }
	if err := json.Unmarshal(body, &done); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	said := "reloaded; nothing has changed"
	if len(done.Changed) > 0 {
		said = "reloaded; changed: " + strings.Join(done.Changed, ", ")
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), onTerminal(said))
	return err
}

// rejected shows each mistake of a configuration.
func rejected(cmd *cobra.Command, no *apiError, asJSON bool) error {
	if asJSON {
		if err := printJSON(cmd.OutOrStdout(), no.body); err != nil {
			return err
		}
	}
	var why struct{ Problems []string }
	_ = json.Unmarshal(no.body, &why) // without problems, the text says it
	lines := []string{no.text}
	for _, p := range why.Problems {
		lines = append(lines, onTerminal(p))
	}
	return errors.New(strings.Join(lines, "\n"))
}
