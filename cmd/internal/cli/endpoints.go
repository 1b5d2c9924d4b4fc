package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

func endpointsCommand() *cobra.Command {
	cmd := group("endpoints", "Show, test, enable and disable endpoints of the running instance",
		`Show, test, enable and disable the endpoints of the running instance, with a token
of the scope admin.`, "list", "show", "test", "enable", "disable")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(endpointsList(a), endpointsShow(a), endpointsTest(a), endpointsEnable(a), endpointsDisable(a))
	return cmd
}

func endpointPath(name string) string { return "/v1/endpoints/" + url.PathEscape(name) }

func endpointsList(a *api) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the endpoints with state and queue",
		Long: `List the endpoints with their state and what waits for them. States are ok, failing
(attempts fail and are retried), open (too many failed: only one request at a time is
tried), disabled, and removed (from the configuration; its queue waits).`,
		Example: "  stanzahook endpoints list",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := a.call(cmd.Context(), http.MethodGet, "/v1/endpoints", nil)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				return failed(printJSON(cmd.OutOrStdout(), body))
			}
			return failed(printEndpoints(cmd.OutOrStdout(), body))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	return cmd
}

func endpointsShow(a *api) *cobra.Command {
	return endpointCommand(a, &cobra.Command{
		Use:     "show NAME",
		Short:   "Show an endpoint",
		Long:    "Show an endpoint: its state and why, its queue, its last error and its counts.",
		Example: "  stanzahook endpoints show echo",
	}, http.MethodGet, "", nil)
}

func endpointsEnable(a *api) *cobra.Command {
	return endpointCommand(a, &cobra.Command{
		Use:   "enable NAME",
		Short: "Enable an endpoint again: what waits is delivered",
		Long: `Enable an endpoint again that was disabled by hand, or by its own answer 410. What
waits for it is delivered.`,
		Example: "  stanzahook endpoints enable echo",
	}, http.MethodPost, "/enable", nil)
}

func endpointsDisable(a *api) *cobra.Command {
	var ask struct {
		Reason string `json:"reason,omitempty"`
	}
	cmd := endpointCommand(a, &cobra.Command{
		Use:   "disable NAME",
		Short: "Disable an endpoint: its events wait",
		Long: `Disable an endpoint until it is enabled again. Its events wait, up to retry.max_age;
events of direct endpoints are refused.`,
		Example: "  stanzahook endpoints disable echo --reason 'the bot moves to another machine'",
	}, http.MethodPost, "/disable", &ask)
	cmd.Flags().StringVar(&ask.Reason, "reason", "", "why; shown with the endpoint (default: by an operator)")
	return cmd
}

// endpointCommand completes a command that asks for one endpoint and prints it.
// ask is the body of the request; nil: it has none.
func endpointCommand(a *api, cmd *cobra.Command, method, verb string, ask any) *cobra.Command {
	var asJSON bool
	cmd.Args = cobra.ExactArgs(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var body json.RawMessage
		var err error
		if path := endpointPath(args[0]) + verb; ask != nil {
			body, err = a.post(cmd.Context(), path, nil, ask)
		} else {
			body, err = a.call(cmd.Context(), method, path, nil)
		}
		if err != nil {
			return failed(err)
		}
		if asJSON {
			return failed(printJSON(cmd.OutOrStdout(), body))
		}
		return failed(printEndpoint(cmd.OutOrStdout(), body))
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	return cmd
}

func endpointsTest(a *api) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send a made-up event to an endpoint, and show its answer",
		Long: `Send a made-up event to an endpoint, as a delivery would, and show the answer and the
replies that would be sent for it. Nothing is sent to anybody else, and it does not
count. The exit code is 1 if the endpoint failed or refused the event.`,
		Example: "  stanzahook endpoints test echo",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := a.call(cmd.Context(), http.MethodPost, endpointPath(args[0])+"/test", nil)
			if err != nil {
				return failed(err)
			}
			var t testedEndpoint
			if err := json.Unmarshal(body, &t); err != nil {
				return failed(fmt.Errorf("the answer cannot be read: %w", err))
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), body)
			} else {
				err = t.print(cmd.OutOrStdout())
			}
			if err != nil {
				return failed(err)
			}
			if t.OK {
				return nil
			}
			why := text(t.Error, "it did not take the event")
			return failed(errors.New("the test of " + args[0] + " failed: " + why))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	return cmd
}
