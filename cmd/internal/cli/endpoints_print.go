package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"stanzahook/cmd/internal/plural"
	"stanzahook/httpapi/v1"
)

// testedEndpoint is what of the answer of POST /v1/endpoints/X/test is printed.
type testedEndpoint struct {
	OK          bool
	Status      *int
	Duration    float64 `json:"duration_ms"`
	ContentType *string `json:"content_type"`
	Answer      string
	Replies     []string
	Note, Error *string
}

func (t *testedEndpoint) print(w io.Writer) error {
	var b strings.Builder
	if t.Status == nil {
		fmt.Fprintf(&b, "no answer, after %.1f ms\n", t.Duration)
	} else {
		fmt.Fprintf(&b, "answered %d in %.1f ms\n", *t.Status, t.Duration)
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name+":", onTerminal(value))
		}
	}
	line("content type", text(t.ContentType, ""))
	line("answer", t.Answer)
	for _, reply := range t.Replies {
		line("reply", reply)
	}
	line("note", text(t.Note, ""))
	_, err := io.WriteString(w, b.String())
	return err
}

func printEndpoints(w io.Writer, body []byte) error {
	var list struct{ Items []v1.Endpoint }
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	if len(list.Items) == 0 {
		_, err := fmt.Fprintln(w, "there is no endpoint; add one under endpoints in the configuration")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tSTATE\tQUEUED\tOLDEST\tDEAD\tFORMAT\tDELIVERY\tURL\tREASON")
	for i := range list.Items {
		e := &list.Items[i]
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%d\t%s\t%s\t%s\t%s\n", onTerminal(e.Name), onTerminal(e.State), e.Queued, shownMoment(e.Oldest), e.DeadLetters,
			onTerminal(e.Format), onTerminal(e.Delivery), shownURL(e), shortened(text(e.Reason, "")))
	}
	return t.Flush()
}

// shownURL is where an endpoint's events go, for people.
func shownURL(e *v1.Endpoint) string {
	switch {
	case e.URL != "":
		return onTerminal(e.URL)
	case e.State == "removed":
		return ""
	}
	return "(pulled)"
}

func shownMoment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format(shownTime)
}

// shortened is a text for a table.
func shortened(s string) string {
	if all := []rune(s); len(all) > maxShownReason {
		return string(all[:maxShownReason-1]) + "…"
	}
	return s
}

func printEndpoint(w io.Writer, body []byte) error {
	var e v1.Endpoint
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name+":", onTerminal(value))
		}
	}
	line("name", e.Name)
	state := e.State
	if e.Since != nil {
		state += " since " + shownMoment(e.Since)
	}
	line("state", state)
	line("reason", text(e.Reason, ""))
	line("url", shownURL(&e))
	line("component", text(e.Component, "all"))
	line("format", e.Format)
	line("delivery", e.Delivery)
	if e.Copy {
		line("copy", "true")
	}
	queue := plural.Count(e.Queued, "event")
	if e.Oldest != nil {
		queue += ", the oldest since " + shownMoment(e.Oldest)
	}
	line("queue", queue)
	line("paused until", shownMoment(e.PausedUntil))
	line("in flight", fmt.Sprint(e.InFlight))
	line("dead letters", fmt.Sprint(e.DeadLetters))
	line("last success", shownMoment(e.LastSuccess))
	if f := e.LastError; f != nil {
		what := "no answer"
		if f.Status != nil {
			what = fmt.Sprint(*f.Status)
		}
		line("last error", f.Time.Local().Format(shownTime)+", "+what+", "+f.Error)
	}
	line("since start", fmt.Sprintf("%d attempts, %d failed; events: %d delivered, %d refused, %d expired", e.Attempts, e.Failures, e.Delivered, e.Refused, e.Expired))
	_, err := io.WriteString(w, b.String())
	return err
}
