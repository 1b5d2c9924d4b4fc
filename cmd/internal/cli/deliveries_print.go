package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// shownDelivery is what of the API's object is printed.
type shownDelivery struct {
	ID, State, Type, From, To string
	Endpoint, Reason, Note    *string
	Received                  time.Time
	NextAttempt               *time.Time `json:"next_attempt"`
	Stanza                    string
	Attempts                  []struct {
		Time     time.Time
		Status   *int
		Duration float64 `json:"duration_ms"`
		Type     *string `json:"content_type"`
		Error    *string
		Note     *string
		Answer   string
	}
}

// printJSON prints the API's JSON.
func printJSON(w io.Writer, body []byte) error {
	_, err := w.Write(append(bytes.TrimRight(body, "\n"), '\n'))
	return err
}

// onTerminal makes a text harmless for a terminal: it comes from strangers.
func onTerminal(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

func text(s *string, none string) string {
	if s == nil {
		return none
	}
	return onTerminal(*s)
}

const shownTime = "2006-01-02 15:04:05"

// maxShownReason bounds a reason in a table, in characters.
const maxShownReason = 60

func printList(w io.Writer, body []byte) error {
	var list struct {
		Items []shownDelivery
		Next  *string
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	if len(list.Items) == 0 {
		_, err := fmt.Fprintln(w, "nothing found")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED\tSTATE\tENDPOINT\tTYPE\tFROM\tTO\tTRIES\tID\tREASON")
	for _, d := range list.Items {
		reason := []rune(d.why())
		if len(reason) > maxShownReason {
			reason = append(reason[:maxShownReason-1], '…')
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.Received.Local().Format(shownTime), onTerminal(d.State), text(d.Endpoint, "(outbox)"),
			onTerminal(d.Type), onTerminal(d.From), onTerminal(d.To), len(d.Attempts), onTerminal(d.ID), string(reason))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if list.Next != nil {
		_, err := fmt.Fprintf(w, "There are more: --cursor %s\n", onTerminal(*list.Next))
		return err
	}
	return nil
}

// why is what a list says of a delivery: the reason of its state, or what is to
// be known of the answer.
func (d *shownDelivery) why() string {
	if why := text(d.Reason, ""); why != "" {
		return why
	}
	return text(d.Note, "")
}

func printDelivery(w io.Writer, body []byte) error {
	var d shownDelivery
	if err := json.Unmarshal(body, &d); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name+":", onTerminal(value))
		}
	}
	line("id", d.ID)
	line("endpoint", text(d.Endpoint, "(outbox: for the XMPP server)"))
	line("state", d.State)
	line("reason", text(d.Reason, ""))
	line("type", d.Type)
	line("from", d.From)
	line("to", d.To)
	line("received", d.Received.Local().Format(shownTime))
	if d.NextAttempt != nil {
		line("next attempt", d.NextAttempt.Local().Format(shownTime))
	}
	for i, a := range d.Attempts {
		what := "no answer"
		switch {
		case a.Status != nil:
			what = fmt.Sprint(*a.Status)
		case a.Error == nil:
			what = "read" // of an endpoint without a URL
		}
		for _, more := range []*string{a.Type, a.Error} {
			if more != nil {
				what += ", " + *more
			}
		}
		line(fmt.Sprintf("attempt %d", i+1), fmt.Sprintf("%s, %.1f ms, %s", a.Time.Local().Format(shownTime), a.Duration, what))
		line("  note", text(a.Note, ""))
		line("  answer", a.Answer)
	}
	line("stanza", d.Stanza)
	_, err := io.WriteString(w, b.String())
	return err
}
