package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/build"
	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/httpapi"
	"stanzahook/httpapi/mcp"
)

func mcpCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Offer the tools of the running instance to a program that starts this one",
		Long: `Offer the tools of the running instance to an agent by the Model Context Protocol over
standard input and output: for programs that start a command for each server. Those that
speak HTTP use the instance itself (mcp.enabled).

What a tool may do is what the token may: the scopes send, events and rooms, and its
addresses, rooms and endpoint.`,
		Example: "  export STANZAHOOK_TOKEN=sh_…\n  stanzahook mcp",
		Args:    cobra.NoArgs,
	}
	a := apiFlags(cmd, config.ScopeSend)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := a.Base(); err != nil {
			return err
		}
		a.tell(cmd)
		// Killed with the answer to a question: the instance has given it, and nobody gets it again.
		// Who kills this program is the agent that started it.
		return failed(mcp.ServeStreams(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), build.Version, func(ctx context.Context, name string, arguments json.RawMessage) (any, error) {
			answer, err := a.Send(ctx, instance.Request{Method: http.MethodPost, Path: "/v1/tools/" + name, Raw: bytes.NewReader(arguments), Length: int64(len(arguments))})
			if refusal, ok := errors.AsType[*instance.Error](err); ok {
				f := httpapi.FaultOf(refusal.Status, int(refusal.RetryAfter.Seconds()), refusal.Body)
				f.Text = refusal.Text // with advice on tokens
				return nil, f
			}
			return answer, err
		}))
	}
	return cmd
}

// lookFor bounds how long a client waits while the instance is looked for.
const lookFor = 2 * time.Second

// tell writes why the instance will answer no tool, for who runs the client: it shows what a
// server writes here, and not what a tool answers the model. The instance may come later.
func (a *api) tell(cmd *cobra.Command) {
	ctx, cancel := context.WithTimeout(cmd.Context(), lookFor)
	defer cancel()
	if _, err := a.Send(ctx, instance.Request{Method: http.MethodGet, Path: "/v1/tools"}); err != nil && cmd.Context().Err() == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), err)
	}
}
