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
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
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
			answer, err := a.Send(cmd.Context(), instance.Request{Method: http.MethodPost, Path: "/v1/reload"})
			if no, ok := errors.AsType[*instance.Error](err); ok && no.Status == http.StatusUnprocessableEntity {
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
	_, err := fmt.Fprintln(w, terminal.Harmless(said))
	return err
}

// rejected shows each mistake of a configuration.
func rejected(cmd *cobra.Command, no *instance.Error) error {
	if asJSON(cmd) {
		if err := printJSON(cmd.OutOrStdout(), no.Body); err != nil {
			return err
		}
	}
	var why struct{ Problems []string }
	_ = json.Unmarshal(no.Body, &why) // without problems, the text says it
	lines := []string{no.Text}
	for _, p := range why.Problems {
		lines = append(lines, terminal.Harmless(p))
	}
	return errors.New(strings.Join(lines, "\n"))
}
