package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
	"stanzahook/cmd/internal/plural"
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
	var dead, asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries, those received last first",
		Long:  `List deliveries, those received last first, or with --dead the dead letters.`,
		Example: `  stanzahook deliveries list --endpoint echo --state retrying
  stanzahook deliveries list --dead --since 2h --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dead && state != "" {
				return errors.New("--dead and --state exclude each other")
			}
			if limit < 1 || limit > 500 {
				return errors.New("--limit: write a number from 1 to 500")
			}
			query := url.Values{"limit": {strconv.Itoa(limit)}}
			for name, value := range map[string]string{"endpoint": endpoint, "state": state, "jid": jid, "after": since, "cursor": cursor} {
				if value != "" {
					query.Set(name, value)
				}
			}
			path := "/v1/deliveries"
			if dead {
				path = "/v1/dead-letters"
			}
			body, err := a.call(cmd.Context(), http.MethodGet, path, query)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				return failed(printJSON(cmd.OutOrStdout(), body))
			}
			return failed(printList(cmd.OutOrStdout(), body))
		},
	}
	f := cmd.Flags()
	f.StringVar(&endpoint, "endpoint", "", "only of this endpoint")
	f.StringVar(&state, "state", "", "only in this state: queued, retrying, delivered, dead or dropped")
	f.StringVar(&jid, "jid", "", "only from or to this JID, bare or full")
	f.StringVar(&since, "since", "", "only what was received since then: a time (RFC 3339) or a duration such as 2h; with --dead, what died since then")
	f.StringVar(&cursor, "cursor", "", "go on where another list ended")
	f.BoolVar(&dead, "dead", false, "the dead letters, those that died last first")
	f.IntVar(&limit, "limit", 50, "at most so many, up to 500")
	f.BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	chooses(cmd, "state", "queued", "retrying", "delivered", "dead", "dropped")
	return cmd
}

func deliveriesShow(a *api) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a delivery with its attempts and its stanza",
		Long:    "Show a delivery, or a dead letter, with its attempts and its stanza.",
		Example: "  stanzahook deliveries show evt_01K…",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := a.call(cmd.Context(), http.MethodGet, deliveryPath(args[0]), nil)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				return failed(printJSON(cmd.OutOrStdout(), body))
			}
			return failed(printDelivery(cmd.OutOrStdout(), body))
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON, as the API gives it")
	return cmd
}

func deliveryPath(id string) string { return "/v1/deliveries/" + url.PathEscape(id) }

func deliveriesReplay(a *api) *cobra.Command {
	var endpoint, since string
	var asJSON bool
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
				return each(cmd, args, asJSON, "replayed", func(ctx context.Context, id string) error {
					_, err := a.call(ctx, http.MethodPost, deliveryPath(id)+"/replay", nil)
					return err
				})
			}
			query := url.Values{}
			if since != "" {
				query.Set("since", since)
			}
			body, err := a.call(cmd.Context(), http.MethodPost, "/v1/endpoints/"+url.PathEscape(endpoint)+"/replay", query)
			if err != nil {
				return failed(err)
			}
			if asJSON {
				return failed(printJSON(cmd.OutOrStdout(), body))
			}
			var done struct{ Replayed int }
			if err := json.Unmarshal(body, &done); err != nil {
				return failed(fmt.Errorf("the answer cannot be read: %w", err))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "replayed: %s of %s\n", plural.Count(done.Replayed, "dead letter"), endpoint)
			return failed(err)
		},
	}
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "all dead letters of this endpoint")
	cmd.Flags().StringVar(&since, "since", "", "of these, those that died since then: a time (RFC 3339) or a duration such as 2h")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func deliveriesDrop(a *api) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "drop ID…",
		Short:   "Remove events from the queue, or dead letters; nobody is told",
		Long:    "Remove events from the queue, or dead letters, for good. Their senders are not told.",
		Example: "  stanzahook deliveries drop evt_01K…",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return each(cmd, args, asJSON, "dropped", func(ctx context.Context, id string) error {
				_, err := a.call(ctx, http.MethodDelete, deliveryPath(id), nil)
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// each does something with every id. What is refused for one does not keep the
// others; anything else that goes wrong ends it.
func each(cmd *cobra.Command, ids []string, asJSON bool, done string, do func(context.Context, string) error) error {
	type result struct {
		ID    string  `json:"id"`
		Done  bool    `json:"done"`
		Error *string `json:"error"`
	}
	var results []result
	refused := 0
	for _, id := range ids {
		err := do(cmd.Context(), id)
		var no *apiError
		switch {
		case err == nil:
			results = append(results, result{id, true, nil})
			if !asJSON {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", id, done)
			}
		case errors.As(err, &no) && (no.status == http.StatusNotFound || no.status == http.StatusConflict):
			refused++
			results = append(results, result{id, false, &no.text})
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", id, no.text)
		default:
			return failed(err)
		}
	}
	if asJSON {
		if err := json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]any{"items": results}); err != nil {
			return failed(err)
		}
	}
	if refused > 0 {
		return failed(fmt.Errorf("%d of %d were not %s", refused, len(ids), done))
	}
	return nil
}
