package cli

import "github.com/spf13/cobra"

func serveCommand(serve ServeFunc) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the bridge",
		Long: `Run the bridge until SIGTERM or SIGINT, then finish attempts in progress.

The configuration is read from --config, else ./stanzahook.yaml, else
/etc/stanzahook/stanzahook.yaml. If it has mistakes, all of them are shown and
nothing is started, and the exit code is 1.`,
		Example: "  stanzahook serve --config /etc/stanzahook/stanzahook.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failed(serve(cmd.Context(), file))
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file")
	return cmd
}
