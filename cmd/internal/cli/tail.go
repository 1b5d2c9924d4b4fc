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
	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
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
	{"command", "command from bot room by step result reason"},
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
endpoints that fail and recover, refreshes of rosters, runs of commands. One line an event, until Ctrl-C.
You need a token of the scope read or admin.

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
			f := &instance.Follower{API: a.API, Request: instance.TailRequest(query), Notices: cmd.ErrOrStderr(), OnEvent: tailPrinter(cmd)}
			return failed(f.Follow(cmd.Context()))
		},
	}
	a = apiFlags(cmd, config.ScopeRead)
	cmd.Flags().StringVar(&endpoint, "endpoint", "", "only of this endpoint")
	cmd.Flags().StringVar(&jid, "jid", "", "only from or to this bare JID")
	cmd.Flags().StringVar(&kinds, "kinds", "", "only of these kinds, separated by commas (default: all): "+strings.Join(kindsOfTail(), ", "))
	completeFlag(cmd, "kinds", kindsOfTail()...)
	jsonFlag(cmd, "an object a line, with event, id and data")
	return cmd
}

func kindsOfTail() []string {
	var all []string
	for _, k := range tailKinds {
		all = append(all, k.kind)
	}
	return all
}

// tailPrinter prints events as a command was asked to.
func tailPrinter(cmd *cobra.Command) func(instance.Event) error {
	out := cmd.OutOrStdout()
	if asJSON(cmd) {
		return func(e instance.Event) error { return encodeJSON(out, e) }
	}
	paint := terminal.PainterFor(out)
	return func(e instance.Event) error {
		_, err := io.WriteString(out, tailLine(e, paint)+"\n")
		return err
	}
}

// tailLine is an event in a line.
func tailLine(e instance.Event, paint terminal.Painter) string {
	if e.Event == "delivery" {
		var d instance.Delivery
		if err := json.Unmarshal(e.Data, &d); err == nil {
			return deliveryLine(&d, paint)
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
		return paint.Paint(terminal.Red, fmt.Sprintf("gap: %v events were lost", values["lost"]))
	case keys == "":
		return terminal.Harmless(e.Event + " " + string(e.Data))
	}
	at, _ := time.Parse(time.RFC3339, fmt.Sprint(values["time"]))
	words := []string{tailTime(at), e.Event}
	for _, key := range strings.Fields(keys) {
		if v := values[key]; v != nil && v != "" {
			words = append(words, paint.Paint(terminal.ColourOf(fmt.Sprint(v)), shown(v)))
		}
	}
	return strings.Join(words, " ")
}

// deliveryLine is a change of a delivery in a line.
func deliveryLine(d *instance.Delivery, paint terminal.Painter) string {
	words := []string{tailTime(d.Time), "delivery", paint.Paint(terminal.ColourOf(d.State), terminal.Harmless(d.State)), terminal.Harmless(cmp.Or(d.Endpoint, "(outbox)")),
		terminal.Harmless(d.Type), terminal.Harmless(d.From), "→", terminal.Harmless(d.To)}
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
		words = append(words, paint.Paint(terminal.Dim, "("+why+")"))
	}
	return strings.Join(append(words, paint.Paint(terminal.Dim, terminal.Harmless(d.ID))), " ")
}

// tailTime is the time of an event, for people.
func tailTime(t time.Time) string { return t.Local().Format("15:04:05.000") }
