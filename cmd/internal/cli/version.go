package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
)

func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show version, commit and Go version",
		Long:    "Show version, commit and Go version of this program.",
		Example: "  stanzahook version --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := build.Read()
			if asJSON(cmd) {
				return failed(encodeJSON(cmd.OutOrStdout(), b))
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "stanzahook %s\ncommit %s\n%s\n", b.Version, b.Commit, b.Go)
			return failed(err)
		},
	}
	jsonFlag(cmd, "as JSON")
	return cmd
}
