package cli

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/plural"
	"stanzahook/httpapi/v1"
)

func endpointsCommand() *cobra.Command {
	cmd := group("endpoints", "Show, test, enable, disable and make endpoints of the running instance",
		`Show, test, enable, disable and make endpoints of the running instance, with a token
of the scope admin.`, "list", "show", "test", "enable", "disable", "put", "delete")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(endpointsList(a), endpointsShow(a), endpointsTest(a), endpointsEnable(a), endpointsDisable(a), endpointsPut(a), endpointsDelete(a))
	return cmd
}

func endpointPath(name string) string { return "/v1/endpoints/" + url.PathEscape(name) }

func endpointsList(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:   "list",
		Short: "List the endpoints with state and queue",
		Long: `List the endpoints with their state and queue. States are ok, failing (attempts fail
and are retried), open (the circuit breaker is open, and probes the endpoint), disabled,
and removed (from the configuration; its queue waits).`,
		Example: "  stanzahook endpoints list",
		Args:    cobra.NoArgs,
	}, as(endpointTable().print), func([]string) (instance.Request, error) { return instance.Request{Path: "/v1/endpoints"}, nil })
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
		Short: "Enable an endpoint again, and deliver its queue",
		Long: `Enable an endpoint again that was disabled by hand, or by its own answer 410, and
deliver its queue.`,
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
func endpointCommand(a *api, cmd *cobra.Command, method, verb string, body any) *cobra.Command {
	cmd.Args = cobra.ExactArgs(1)
	return a.command(cmd, as(printEndpoint), func(args []string) (instance.Request, error) {
		return instance.Request{Method: method, Path: endpointPath(args[0]) + verb, Body: body}, nil
	})
}

// likeEvent is what a test event is to be like; empty: as made up.
type likeEvent struct {
	Body string `json:"body,omitempty"`
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	Type string `json:"type,omitempty"`
}

func endpointsTest(a *api) *cobra.Command {
	var like likeEvent
	cmd := &cobra.Command{
		Use:   "test NAME",
		Short: "Send a made-up event to an endpoint, and show its answer",
		Long: `Send a made-up event to an endpoint, as a delivery would, and show the answer and the
replies that would be sent for it. Nothing is sent to anybody else, and it does not
count. The exit code is 1 if the endpoint failed or refused the event.`,
		Example: `  stanzahook endpoints test echo
  stanzahook endpoints test echo --body '/help' --from juliet@example.com --type groupchat`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := instance.Request{Method: http.MethodPost, Path: endpointPath(args[0]) + "/test"}
			if like != (likeEvent{}) {
				ask.Body = like
			}
			answer, err := a.Send(cmd.Context(), ask)
			if err != nil {
				return failed(err)
			}
			t, err := instance.Decode[v1.Tested](answer)
			if err == nil {
				err = printAnswer(cmd, answer, as(printTest))
			}
			if err == nil && !t.OK {
				err = errors.New("the test of " + args[0] + " failed: " + text(t.Error, "it did not accept the event"))
			}
			return failed(err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&like.Body, "body", "", "the text of the message")
	f.StringVar(&like.From, "from", "", "the sender")
	f.StringVar(&like.To, "to", "", "the recipient, at a component")
	f.StringVar(&like.Type, "type", "", "the type of the message: chat, normal, groupchat, headline or error")
	completeFlag(cmd, "type", "chat", "normal", "groupchat", "headline", "error")
	jsonFlag(cmd, "as JSON, as the API gives it")
	return cmd
}

func printTest(w io.Writer, t *v1.Tested) error {
	var f facts
	if t.Status == nil {
		fmt.Fprintf(&f, "no answer, after %.1f ms\n", t.Duration)
	} else {
		fmt.Fprintf(&f, "answered %d in %.1f ms\n", *t.Status, t.Duration)
	}
	f.add("content type", t.ContentType)
	f.add("answer", t.Answer)
	for _, reply := range t.Replies {
		f.add("reply", reply)
	}
	f.add("note", t.Note)
	return f.print(w)
}

func endpointTable() table[v1.Endpoint] {
	return table[v1.Endpoint]{
		none:  "there is no endpoint; add one under endpoints in the configuration, or with \"stanzahook endpoints put\"",
		heads: "NAME\tSTATE\tQUEUED\tOLDEST\tDEAD\tFROM\tFORMAT\tDELIVERY\tURL\tREASON",
		rows: func(e *v1.Endpoint, row func(...any)) {
			row(e.Name, e.State, e.Queued, e.Oldest, e.DeadLetters, e.Source, e.Format, e.Delivery, shownURL(e), shortened(shown(e.Reason)))
		},
	}
}

// shownURL is where an endpoint's events go, for people.
func shownURL(e *v1.Endpoint) string {
	if e.URL == "" && e.State != "removed" {
		return "(pulled)"
	}
	return e.URL
}

func printEndpoint(w io.Writer, e *v1.Endpoint) error {
	var f facts
	f.add("name", e.Name)
	state := e.State
	if e.Since != nil {
		state += " since " + shown(e.Since)
	}
	f.add("state", state)
	f.add("reason", e.Reason)
	f.add("from", e.Source)
	f.add("url", shownURL(e))
	f.add("component", text(e.Component, "all"))
	f.add("format", e.Format)
	f.add("delivery", e.Delivery)
	if e.Copy {
		f.add("copy", "true")
	}
	queue := plural.Count(e.Queued, "event")
	if e.Oldest != nil {
		queue += ", the oldest since " + shown(e.Oldest)
	}
	f.add("queue", queue)
	f.add("paused until", e.PausedUntil)
	f.add("in flight", e.InFlight)
	f.add("dead letters", e.DeadLetters)
	f.add("last success", e.LastSuccess)
	if last := e.LastError; last != nil {
		what := "no answer"
		if last.Status != nil {
			what = fmt.Sprint(*last.Status)
		}
		f.add("last error", shown(last.Time)+", "+what+", "+last.Error)
	}
	f.add("since start", fmt.Sprintf("%d attempts, %d failed; events: %d delivered, %d refused, %d expired", e.Attempts, e.Failures, e.Delivered, e.Refused, e.Expired))
	return f.print(w)
}
