package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/httpapi/v1"
)

func statusCommand() *cobra.Command {
	var a *api
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the running instance is: links, endpoints, queues, store",
		Long: `Show how the running instance is: its links to the XMPP server, endpoints and what
waits for them, rosters, and the store. Any token will do.

The exit code is 1 if no instance answers, or if it is not ready: a component is not
connected, or nothing can be stored. It says why.`,
		Example: `  stanzahook status
  STANZAHOOK_API=https://xmpp.example.com:5290 stanzahook status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return failed(showStatus(cmd, a, asJSON)) },
	}
	a = apiFlags(cmd, "")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as GET /v1/status gives it")
	return cmd
}

func showStatus(cmd *cobra.Command, a *api, asJSON bool) error {
	trouble, err := a.readiness(cmd.Context())
	if err != nil {
		return err
	}
	body, err := a.call(cmd.Context(), http.MethodGet, "/v1/status", nil)
	if err != nil {
		// The one thing that is known without a token.
		return errors.Join(trouble, err)
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), body)
	} else {
		err = printStatus(cmd.OutOrStdout(), body, trouble == nil)
	}
	return errors.Join(err, trouble)
}

// readiness asks GET /readyz. It returns why the instance is not ready, and apart
// from that why there is no answer.
func (a *api) readiness(ctx context.Context) (trouble, err error) {
	_, err = a.call(ctx, http.MethodGet, "/readyz", nil)
	if no, ok := errors.AsType[*apiError](err); ok && no.status == http.StatusServiceUnavailable {
		lines := strings.Split(strings.TrimSpace(string(no.body)), "\n")
		for i, line := range lines {
			lines[i] = "not ready: " + onTerminal(line)
		}
		return errors.New(strings.Join(lines, "\n")), nil
	}
	return nil, err
}

func printStatus(w io.Writer, body []byte, ready bool) error {
	var st v1.Status
	if err := json.Unmarshal(body, &st); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	word := "ready"
	if !ready {
		word = "not ready"
	}
	fmt.Fprintf(w, "stanzahook %s: %s, running for %v\n", onTerminal(st.Version), word, time.Duration(st.Uptime)*time.Second)
	table := func(heads string, rows func(row func(cells ...any))) error {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, heads)
		rows(func(cells ...any) {
			for i, cell := range cells {
				cells[i] = onTerminal(fmt.Sprint(cell))
			}
			fmt.Fprintf(t, strings.Repeat("%s\t", len(cells)-1)+"%s\n", cells...)
		})
		return t.Flush()
	}
	waiting := make(map[string]int)
	for _, o := range st.Outbox {
		waiting[o.Component] = o.Waiting
	}
	errs := []error{table("COMPONENT\tSERVER\tSTATE\tSINCE\tOUTBOX\tREASON", func(row func(...any)) {
		for _, l := range st.Links {
			row(l.Component, l.Server, l.State, l.Since.Local().Format(shownTime), waiting[l.Component], text(l.Reason, ""))
		}
	})}
	if len(st.Endpoints)+len(st.Removed) > 0 {
		errs = append(errs, table("ENDPOINT\tSTATE\tQUEUED\tOLDEST\tDEAD\tREASON", func(row func(...any)) {
			for i := range st.Endpoints {
				e := &st.Endpoints[i]
				row(e.Name, e.State, e.Queued, shownMoment(e.Oldest), e.DeadLetters, text(e.Reason, ""))
			}
			for _, e := range st.Removed {
				row(e.Name, "removed", e.Queued, shownMoment(e.Oldest), "", "not in the configuration")
			}
		}))
	}
	if len(st.Rosters) > 0 {
		errs = append(errs, table("ROSTERS\tBACKEND\tRUNNING\tREASON", func(row func(...any)) {
			for i := range st.Rosters {
				r := &st.Rosters[i]
				row(r.Host, text(r.Backend, "none yet"), r.Running, text(r.Reason, ""))
			}
		}))
	}
	store := fmt.Sprintf("\nstore: %d of %d MiB used", st.Store.Bytes>>20, st.Store.MaxBytes>>20)
	if st.Store.Reason != nil {
		store += "; " + text(st.Store.Reason, "")
	}
	_, err := fmt.Fprintln(w, store)
	return errors.Join(append(errs, err)...)
}
