package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
)

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show version, commit and Go version",
		Long:    "Show version, commit and Go version of this program.",
		Example: "  stanzahook version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := build.Read()
			if asJSON {
				return failed(json.NewEncoder(cmd.OutOrStdout()).Encode(b))
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "stanzahook %s\ncommit %s\n%s\n", b.Version, b.Commit, b.Go)
			return failed(err)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
