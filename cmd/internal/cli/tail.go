package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/config"
)

// tailKinds are the kinds of events, and what is shown of each. It is in their order.
var tailKinds = []struct{ kind, keys string }{
	{"delivery", ""}, // see deliveryLine
	{"link", "component state reason"},
	{"endpoint", "endpoint state reason"},
	{"roster", "user result detail"},
	{"outbox", "component count bytes"},
	{"room", "room from state condition"},
	{"hook", "hook adapter result messages"},
	{"http", "token method route status ms"},
}

func tailCommand() *cobra.Command {
	var a *api
	query := url.Values{}
	var endpoint, jid, kinds string
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show what happens in the running instance, as it happens",
		Long: `Show what happens in the running instance, as it happens: each change of a delivery
(queued, retrying, delivered, dead, dropped) with its attempt, links that go up and down,
endpoints that fail and recover, refreshes of rosters. One line an event, until Ctrl-C.
A token of the scope read or admin will do.

When the connection is lost, the command connects again and goes on where it was. It
says so when events were lost: the instance keeps the last 1,000.

The exit code is 1 if there is no instance, or if the token may not read.`,
		Example: `  stanzahook tail
  stanzahook tail --endpoint echo --jid juliet@example.com
  stanzahook tail --kinds delivery --json | jq 'select(.data.state == "dead")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, value := range map[string]string{"endpoint": endpoint, "jid": jid, "kinds": kinds} {
				if value != "" {
					query.Set(name, value)
				}
			}
			f := &follower{api: a, request: tailRequest(query), notices: cmd.ErrOrStderr(), onEvent: tailPrinter(cmd)}
			return failed(f.follow(cmd.Context()))
		},
	}
	a = apiFlags(cmd, config.ScopeRead)
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "only of this endpoint")
	cmd.Flags().StringVar(&jid, "jid", "", "only from or to this bare JID")
	cmd.Flags().StringVar(&kinds, "kinds", "", "only of these kinds, separated by commas (default: all): "+strings.Join(kindsOfTail(), ", "))
	chooses(cmd, "kinds", kindsOfTail()...)
	jsonFlag(cmd, "an object a line, with event, id and data")
	return cmd
}

func tailRequest(query url.Values) request { return request{path: "/v1/tail", query: query} }

func kindsOfTail() []string {
	var all []string
	for _, k := range tailKinds {
		all = append(all, k.kind)
	}
	return all
}

// tailPrinter prints events as a command was asked to.
func tailPrinter(cmd *cobra.Command) func(streamEvent) error {
	out := cmd.OutOrStdout()
	if asJSON(cmd) {
		return func(e streamEvent) error { return encodeJSON(out, e) }
	}
	paint := painterFor(out)
	return func(e streamEvent) error {
		_, err := io.WriteString(out, tailLine(e, paint)+"\n")
		return err
	}
}

// tailLine is an event in a line.
func tailLine(e streamEvent, paint painter) string {
	if e.Event == "delivery" {
		var d deliveryEvent
		if err := json.Unmarshal(e.Data, &d); err == nil {
			return d.line(paint)
		}
	}
	var values map[string]any
	d := json.NewDecoder(bytes.NewReader(e.Data))
	d.UseNumber()
	_ = d.Decode(&values) // what is no object is shown as it is
	keys := ""
	for _, k := range tailKinds {
		if k.kind == e.Event {
			keys = k.keys
		}
	}
	switch {
	case e.Event == "gap":
		return paint.paint(red, fmt.Sprintf("gap: %v events were lost", values["lost"]))
	case keys == "":
		return onTerminal(e.Event + " " + string(e.Data))
	}
	at, _ := time.Parse(time.RFC3339, fmt.Sprint(values["time"]))
	words := []string{tailTime(at), e.Event}
	for _, key := range strings.Fields(keys) {
		if v := values[key]; v != nil && v != "" {
			words = append(words, paint.paint(colourOf(fmt.Sprint(v)), shown(v)))
		}
	}
	return strings.Join(words, " ")
}

// deliveryEvent is a change of a delivery, as GET /v1/tail tells it.
type deliveryEvent struct {
	Time     time.Time
	ID       string
	Endpoint string
	State    string
	Type     string
	From, To string
	Attempt  *struct {
		N        int
		Status   *int
		Duration float64 `json:"duration_ms"`
		Error    *string
		Note     *string
	}
	Reason *string
}

func (d *deliveryEvent) line(paint painter) string {
	words := []string{tailTime(d.Time), "delivery", paint.paint(colourOf(d.State), onTerminal(d.State)), onTerminal(cmp.Or(d.Endpoint, "(outbox)")),
		onTerminal(d.Type), onTerminal(d.From), "→", onTerminal(d.To)}
	why := ""
	if a := d.Attempt; a != nil {
		what := "no answer"
		if a.Status != nil {
			what = fmt.Sprint(*a.Status)
		}
		words = append(words, fmt.Sprintf("attempt %d: %s, %.1f ms", a.N, what, a.Duration))
		why = cmp.Or(text(a.Error, ""), text(a.Note, ""))
	}
	if reason := text(d.Reason, ""); reason != why && reason != "" {
		why = strings.TrimPrefix(why+"; "+reason, "; ")
	}
	if why != "" {
		words = append(words, paint.paint(dim, "("+why+")"))
	}
	return strings.Join(append(words, paint.paint(dim, onTerminal(d.ID))), " ")
}

// tailTime is the time of an event, for people.
func tailTime(t time.Time) string { return t.Local().Format("15:04:05.000") }
