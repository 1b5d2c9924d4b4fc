package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/httpapi/v1"
)

func statusCommand() *cobra.Command {
	var a *api
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how the running instance is: links, endpoints, queues, store",
		Long: `Show how the running instance is: its links to the XMPP server, endpoints and what
waits for them, rosters, commands, services of the XMPP server and how many rooms of them
bots are in, and the store. Any token will do.

The exit code is 1 if no instance answers, or if it is not ready: a component is not
connected, or nothing can be stored. It says why.`,
		Example: `  stanzahook status
  STANZAHOOK_API=https://xmpp.example.com:5290 stanzahook status --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return failed(showStatus(cmd, a)) },
	}
	a = apiFlags(cmd, "")
	jsonFlag(cmd, "as JSON, as GET /v1/status gives it")
	return cmd
}

func showStatus(cmd *cobra.Command, a *api) error {
	trouble, err := a.readiness(cmd.Context())
	if err != nil {
		return err
	}
	answer, err := a.Send(cmd.Context(), instance.Request{Path: "/v1/status"})
	if err == nil {
		err = printAnswer(cmd, answer, as(func(w io.Writer, st *v1.Status) error { return printStatus(w, st, trouble == nil) }))
		return errors.Join(err, trouble)
	}
	// The one thing that is known without a token.
	return errors.Join(trouble, err)
}

// readiness asks GET /readyz. It returns why the instance is not ready, and apart
// from that why there is no answer.
func (a *api) readiness(ctx context.Context) (trouble, err error) {
	_, err = a.Send(ctx, instance.Request{Path: "/readyz"})
	if no, ok := errors.AsType[*instance.Error](err); ok && no.Status == http.StatusServiceUnavailable {
		lines := strings.Split(strings.TrimSpace(string(no.Body)), "\n")
		for i, line := range lines {
			lines[i] = "not ready: " + terminal.Harmless(line)
		}
		return errors.New(strings.Join(lines, "\n")), nil
	}
	return nil, err
}

func printStatus(w io.Writer, st *v1.Status, ready bool) error {
	word := "ready"
	if !ready {
		word = "not ready"
	}
	fmt.Fprintf(w, "stanzahook %s: %s, running for %v\n", terminal.Harmless(st.Version), word, time.Duration(st.Uptime)*time.Second)
	table := func(heads string, rows func(row func(cells ...any))) error {
		fmt.Fprintln(w)
		return printTable(w, heads, rows)
	}
	waiting := make(map[string]int)
	for _, o := range st.Outbox {
		waiting[o.Component] = o.Waiting
	}
	errs := []error{table("COMPONENT\tSERVER\tSTATE\tSINCE\tOUTBOX\tREASON", func(row func(...any)) {
		for _, l := range st.Links {
			row(l.Component, l.Server, l.State, l.Since, waiting[l.Component], l.Reason)
		}
	})}
	if len(st.Endpoints)+len(st.Removed) > 0 {
		errs = append(errs, table("ENDPOINT\tSTATE\tQUEUED\tOLDEST\tDEAD\tREASON", func(row func(...any)) {
			for i := range st.Endpoints {
				e := &st.Endpoints[i]
				row(e.Name, e.State, e.Queued, e.Oldest, e.DeadLetters, e.Reason)
			}
			for _, e := range st.Removed {
				row(e.Name, "removed", e.Queued, e.Oldest, "", "not in the configuration")
			}
		}))
	}
	if len(st.Rosters) > 0 {
		errs = append(errs, table("ROSTERS\tBACKEND\tRUNNING\tREASON", func(row func(...any)) {
			for i := range st.Rosters {
				r := &st.Rosters[i]
				row(r.Host, text(r.Backend, "none yet"), r.Running, r.Reason)
			}
		}))
	}
	if c := st.Commands; c.Count > 0 {
		fmt.Fprintf(w, "\ncommands: %d, %d runs not at their end; of %d steps %d failed\n", c.Count, c.Sessions, c.Runs, c.Failed)
	}
	if len(st.Services) > 0 {
		errs = append(errs, printServices(w, st, table))
	}
	if len(st.Replicas) > 0 {
		errs = append(errs, table("REPLICA\tSTATE\tSINCE\tVERSION\tCONFIGURATION\tADDRESS", func(row func(...any)) {
			for i := range st.Replicas {
				r := &st.Replicas[i]
				configuration := "as the active one"
				switch {
				case !r.SameConfig:
					configuration = "another one (" + r.Config + ")"
				case !r.SameSecrets:
					configuration = "with other secrets"
				}
				row(r.Name, r.State, &r.Since, r.Version, configuration, text(r.Advertise, "none"))
			}
		}))
	}
	if st.Replica != nil && st.Replica.Problem != nil {
		fmt.Fprintf(w, "\nother replicas cannot reach %s: %s\n", terminal.Harmless(st.Replica.Name), terminal.Harmless(*st.Replica.Problem))
	}
	store := fmt.Sprintf("\nstore: %d of %d MiB used", st.Store.Bytes>>20, st.Store.MaxBytes>>20)
	if r := st.Store.RemoteStore; r != nil {
		connected := "connected to " + r.Server
		if !r.Connected {
			connected = "not connected"
		}
		store += fmt.Sprintf(", on NATS with %d replicas, %s, %d events not confirmed", r.Replicas, connected, r.Unwritten)
	}
	if st.Store.Reason != nil {
		store += "; " + shown(st.Store.Reason)
	}
	_, err := fmt.Fprintln(w, store)
	return errors.Join(append(errs, err)...)
}

// printServices prints what services of the XMPP server offer, how many rooms of them are
// joined, and then what to change at the server.
func printServices(w io.Writer, st *v1.Status, table func(string, func(func(...any))) error) error {
	err := table("SERVICE\tKIND\tSOFTWARE\tANSWERS IQS\tROOMS", func(row func(...any)) {
		for i := range st.Services {
			s := &st.Services[i]
			answers, counts := "not known", ""
			switch {
			case s.Condition != nil && (*s.Condition == "remote-server-not-found" || *s.Condition == "remote-server-timeout"):
				answers = "not there: " + *s.Condition // the XMPP server answers in its place
			case s.Answers != nil && *s.Answers && s.Condition != nil:
				answers = "yes: " + *s.Condition
			case s.Answers != nil:
				answers = map[bool]string{true: "yes", false: "no"}[*s.Answers]
			}
			if r := s.Rooms; r != nil {
				counts = fmt.Sprintf("%d joined, %d joining, %d waiting, %d refused", r.Joined, r.Joining, r.Waiting, r.Refused)
			}
			row(cmp.Or(s.JID, "none found"), s.Kind, text(s.Software, "not known"), answers, counts)
		}
	})
	for i := range st.Services {
		if s := &st.Services[i]; s.Advice != nil {
			for line := range strings.SplitSeq(*s.Advice, "\n") {
				fmt.Fprintf(w, "%s: %s\n", terminal.Harmless(cmp.Or(s.JID, "no "+s.Kind+" service")), terminal.Harmless(line))
			}
		}
	}
	return err
}
