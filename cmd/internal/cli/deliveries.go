package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/plural"
	"stanzahook/cmd/internal/terminal"
	"stanzahook/httpapi/v1"
)

func deliveriesCommand() *cobra.Command {
	cmd := group("deliveries", "Show and replay deliveries and dead letters of the running instance",
		`Show and replay deliveries and dead letters of the running instance, with a token
of the scope admin. A dead letter is an event that was given up, or a stanza that
the XMPP server did not get in time.`, "list", "show", "replay", "drop")
	a := apiFlags(cmd, config.ScopeAdmin)
	cmd.AddCommand(deliveriesList(a), deliveriesShow(a), deliveriesReplay(a), deliveriesDrop(a))
	return cmd
}

func deliveriesList(a *api) *cobra.Command {
	var endpoint, state, jid, since, cursor string
	var dead, follow bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries, newest first",
		Long: `List deliveries, newest first, or with --dead the dead letters. With --follow, later
changes are printed too, one line each, as "stanzahook tail" prints them, until Ctrl-C.`,
		Example: `  stanzahook deliveries list --endpoint echo --state retrying
  stanzahook deliveries list --endpoint echo --follow
  stanzahook deliveries list --dead --since 2h --json`,
		Args: cobra.NoArgs,
	}
	ask := func([]string) (instance.Request, error) {
		r := instance.Request{Path: "/v1/deliveries", Query: url.Values{"limit": {strconv.Itoa(limit)}}}
		switch {
		case follow && (dead || cursor != ""):
			return r, errors.New("--follow goes with neither --dead nor --cursor; --state dead follows what dies")
		case dead && state != "":
			return r, errors.New("--dead and --state exclude each other")
		case limit < 1 || limit > 500:
			return r, errors.New("--limit: write a number from 1 to 500")
		case dead:
			r.Path = "/v1/dead-letters"
		}
		for name, value := range map[string]string{"endpoint": endpoint, "state": state, "jid": jid, "after": since, "cursor": cursor} {
			if value != "" {
				r.Query.Set(name, value)
			}
		}
		return r, nil
	}
	a.command(cmd, as(func(w io.Writer, list *deliveryList) error {
		if len(list.Items) == 0 && follow {
			return nil
		}
		return printList(w, list)
	}), ask)
	list := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !follow {
			return list(cmd, args)
		}
		if _, err := ask(args); err != nil {
			return err
		}
		return failed(a.followDeliveries(cmd, endpoint, jid, state, func() error { return list(cmd, args) }))
	}
	f := cmd.Flags()
	f.StringVar(&endpoint, "endpoint", "", "only of this endpoint")
	f.StringVar(&state, "state", "", "only in this state: queued, retrying, delivered, dead or dropped")
	f.StringVar(&jid, "jid", "", "only from or to this JID, bare or full")
	f.StringVar(&since, "since", "", "only what was received since then: a time (RFC 3339) or a duration such as 2h; with --dead, what died since then")
	f.StringVar(&cursor, "cursor", "", "go on where another list ended")
	f.BoolVar(&dead, "dead", false, "the dead letters, those that died last first")
	f.BoolVar(&follow, "follow", false, "go on with what changes")
	f.IntVar(&limit, "limit", 50, "at most so many, up to 500")
	completeFlag(cmd, "state", "queued", "retrying", "delivered", "dead", "dropped")
	return cmd
}

// followDeliveries lists once it is connected, so that no change is missed between the
// list and what follows.
func (a *api) followDeliveries(cmd *cobra.Command, endpoint, jid, state string, list func() error) error {
	query := url.Values{"kinds": {"delivery"}}
	bare, _, _ := strings.Cut(jid, "/")
	for name, value := range map[string]string{"endpoint": endpoint, "jid": bare} {
		if value != "" {
			query.Set(name, value)
		}
	}
	print := tailPrinter(cmd)
	f := &instance.Follower{API: a.API, Request: instance.TailRequest(query), Notices: cmd.ErrOrStderr(), OnConnected: list}
	f.OnEvent = func(e instance.Event) error {
		var d instance.Delivery
		if err := json.Unmarshal(e.Data, &d); err == nil && state != "" && e.Event == "delivery" && d.State != state {
			return nil
		}
		return print(e)
	}
	return f.Follow(cmd.Context())
}

func deliveriesShow(a *api) *cobra.Command {
	return a.command(&cobra.Command{
		Use:     "show ID",
		Short:   "Show a delivery with its attempts and its stanza",
		Long:    "Show a delivery, or a dead letter, with its attempts and its stanza.",
		Example: "  stanzahook deliveries show evt_01K…",
		Args:    cobra.ExactArgs(1),
	}, as(printDelivery), func(args []string) (instance.Request, error) {
		return instance.Request{Path: instance.DeliveryPath(args[0])}, nil
	})
}

func deliveriesReplay(a *api) *cobra.Command {
	var endpoint, since string
	cmd := &cobra.Command{
		Use:   "replay ID… | --endpoint NAME [--since TIME]",
		Short: "Deliver again: single events, or all dead letters of an endpoint",
		Long: `Deliver again, under the same id: single events, dead letters or others, or
all dead letters of an endpoint.`,
		Example: `  stanzahook deliveries replay evt_01K…
  stanzahook deliveries replay --endpoint echo --since 2h`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0 && endpoint != "":
				return errors.New("replay: give ids or --endpoint, not both")
			case len(args) == 0 && endpoint == "":
				return errors.New("replay: give ids, or --endpoint for all its dead letters")
			case since != "" && endpoint == "":
				return errors.New("--since goes with --endpoint")
			case endpoint == "":
				return a.each(cmd, args, "replayed", http.MethodPost, "/replay")
			}
			query := url.Values{}
			if since != "" {
				query.Set("since", since)
			}
			answer, err := a.Send(cmd.Context(), instance.Request{Method: http.MethodPost, Path: endpointPath(endpoint) + "/replay", Query: query})
			if err == nil {
				err = printAnswer(cmd, answer, as(func(w io.Writer, done *struct{ Replayed int }) error {
					_, err := fmt.Fprintf(w, "replayed: %s of %s\n", plural.Count(done.Replayed, "dead letter"), endpoint)
					return err
				}))
			}
			return failed(err)
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "all dead letters of this endpoint")
	cmd.Flags().StringVar(&since, "since", "", "of these, those that died since then: a time (RFC 3339) or a duration such as 2h")
	jsonFlag(cmd, "as JSON")
	return cmd
}

func deliveriesDrop(a *api) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "drop ID…",
		Short:   "Remove events from the queue, or dead letters; senders get no error",
		Long:    "Remove events from the queue, or dead letters, for good. Their senders get no error.",
		Example: "  stanzahook deliveries drop evt_01K…",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(cmd, args, "dropped", http.MethodDelete, "")
		},
	}
	jsonFlag(cmd, "as JSON")
	return cmd
}

// each makes a request for every id. A refusal of one does not end the command;
// any other error does.
func (a *api) each(cmd *cobra.Command, ids []string, done, method, verb string) error {
	type result struct {
		ID    string  `json:"id"`
		Done  bool    `json:"done"`
		Error *string `json:"error"`
	}
	var results []result
	refused := 0
	for _, id := range ids {
		_, err := a.Send(cmd.Context(), instance.Request{Method: method, Path: instance.DeliveryPath(id) + verb})
		no, refusal := errors.AsType[*instance.Error](err)
		switch {
		case err == nil:
			results = append(results, result{id, true, nil})
			if !asJSON(cmd) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", id, done)
			}
		case refusal && (no.Status == http.StatusNotFound || no.Status == http.StatusConflict):
			refused++
			results = append(results, result{id, false, &no.Text})
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", id, no.Text)
		default:
			return failed(err)
		}
	}
	if asJSON(cmd) {
		if err := encodeJSON(cmd.OutOrStdout(), map[string]any{"items": results}); err != nil {
			return failed(err)
		}
	}
	if refused > 0 {
		return failed(fmt.Errorf("not %s: %d of %d", done, refused, len(ids)))
	}
	return nil
}

// deliveryList is a page of deliveries.
type deliveryList struct {
	Items []v1.Delivery
	Next  *string
}

func printList(w io.Writer, list *deliveryList) error {
	if len(list.Items) == 0 {
		_, err := fmt.Fprintln(w, "nothing found")
		return err
	}
	err := printTable(w, "RECEIVED\tSTATE\tENDPOINT\tTYPE\tFROM\tTO\tTRIES\tID\tREASON", func(row func(...any)) {
		for i := range list.Items {
			d := &list.Items[i]
			row(d.Received, d.State, text(d.Endpoint, "(outbox)"), d.Type, d.From, d.To, len(d.Attempts), d.ID, shortened(cmp.Or(shown(d.Reason), shown(d.Note))))
		}
	})
	if err == nil && list.Next != nil {
		_, err = fmt.Fprintf(w, "There are more: --cursor %s\n", terminal.Harmless(*list.Next))
	}
	return err
}

func printDelivery(w io.Writer, d *v1.Delivery) error {
	var f facts
	f.add("id", d.ID)
	f.add("endpoint", text(d.Endpoint, "(outbox: for the XMPP server)"))
	f.add("state", d.State)
	f.add("reason", d.Reason)
	f.add("type", d.Type)
	f.add("from", d.From)
	f.add("to", d.To)
	f.add("received", d.Received)
	f.add("next attempt", d.NextAttempt)
	for i, a := range d.Attempts {
		what := "no answer"
		switch {
		case a.Status != nil:
			what = fmt.Sprint(*a.Status)
		case a.Error == nil:
			what = "read" // of an endpoint without a URL
		}
		for _, more := range []*string{a.ContentType, a.Error} {
			if more != nil {
				what += ", " + *more
			}
		}
		f.add(fmt.Sprintf("attempt %d", i+1), fmt.Sprintf("%s, %.1f ms, %s", shown(a.Time), a.Duration, what))
		f.add("  note", a.Note)
		f.add("  answer", a.Answer)
	}
	f.add("stanza", d.Stanza)
	return f.print(w)
}
