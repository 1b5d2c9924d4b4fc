package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

func reloadCommand() *cobra.Command {
	var a *api
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Reload the configuration of the running instance",
		Long: `Reload the configuration of the running instance, with a token of the scope admin. A
file with mistakes is rejected as a whole: they are shown, the exit code is 1, and the
instance keeps running with the configuration it had. So is one that changes what only
a restart can change.`,
		Example: "  stanzahook reload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := a.send(cmd.Context(), request{method: http.MethodPost, path: "/v1/reload"})
			if no, ok := errors.AsType[*apiError](err); ok && no.status == http.StatusUnprocessableEntity {
				err = rejected(cmd, no)
			} else if err == nil {
				err = printAnswer(cmd, answer, as(printReload))
			}
			return failed(err)
		},
	}
	a = apiFlags(cmd, config.ScopeAdmin)
	jsonFlag(cmd, "as JSON, as the API gives it; a rejection too")
	return cmd
}

func printReload(w io.Writer, done *struct{ Changed []string }) error {
	said := "reloaded; nothing has changed"
	if len(done.Changed) > 0 {
		said = "reloaded; changed: " + strings.Join(done.Changed, ", ")
	}
	_, err := fmt.Fprintln(w, onTerminal(said))
	return err
}

// rejected shows each mistake of a configuration.
func rejected(cmd *cobra.Command, no *apiError) error {
	if asJSON(cmd) {
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
