package cli

import (
	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
)

const (
	defaultAPI = instance.DefaultURL
	EnvAPI     = instance.EnvAPI
	envToken   = instance.EnvToken
)

// api asks a running instance for a command.
type api struct{ *instance.API }

// apiFlags gives a command the flags that say where the instance is. A token
// needs the scope for what the command does.
func apiFlags(cmd *cobra.Command, scope string) *api {
	a := &api{instance.New(scope)}
	cmd.PersistentFlags().StringVar(&a.URL, "api", "", "URL of the running instance, http.base_path included (default $"+EnvAPI+", else "+defaultAPI+")")
	cmd.PersistentFlags().StringVar(&a.TokenFile, "token-file", "", "file with the API token (default: the token in $"+envToken+")")
	return a
}

// command completes a command that makes one request and prints the answer. An error
// of ask is a usage error.
func (a *api) command(cmd *cobra.Command, print printer, ask func(args []string) (instance.Request, error)) *cobra.Command {
	jsonFlag(cmd, "as JSON, as the API gives it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := ask(args)
		if err != nil {
			return err
		}
		answer, err := a.Send(cmd.Context(), r)
		if err == nil {
			err = printAnswer(cmd, answer, print)
		}
		return failed(err)
	}
	return cmd
}
