package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// shownContact is a contact in the API's objects.
type shownContact struct {
	JID, Name    string
	Groups       []string
	Subscription string
}

func (c shownContact) same(other shownContact) bool {
	return c.Name == other.Name && c.Subscription == other.Subscription && slices.Equal(c.Groups, other.Groups)
}

// row is a contact in a table.
func (c shownContact) row() string {
	return onTerminal(c.Name) + "\t" + onTerminal(strings.Join(c.Groups, ", ")) + "\t" + onTerminal(c.Subscription)
}

// printRoster prints the wanted roster and the server's as one table.
func printRoster(w io.Writer, body []byte) error {
	var v struct {
		JID            string
		Backend        *string
		Wanted, Actual map[string]shownContact
		ActualTime     *time.Time `json:"actual_time"`
		ActualError    *string    `json:"actual_error"`
		Last           *struct {
			Time   time.Time
			Result string
			Detail *string
		}
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s %s\n", name+":", value)
		}
	}
	line("user", onTerminal(v.JID))
	line("backend", text(v.Backend, "none was used yet"))
	if v.Last == nil {
		line("last refresh", "none yet")
	} else {
		last := v.Last.Time.Local().Format(shownTime) + ", " + onTerminal(v.Last.Result)
		if v.Last.Detail != nil {
			last += ": " + onTerminal(*v.Last.Detail)
		}
		line("last refresh", last)
	}
	if v.ActualError != nil {
		line("not read now", text(v.ActualError, ""))
		if v.ActualTime != nil {
			line("read last", v.ActualTime.Local().Format(shownTime))
		}
	}
	b.WriteByte('\n')
	all := slices.Sorted(maps.Keys(v.Wanted))
	for contact := range v.Actual {
		if _, wanted := v.Wanted[contact]; !wanted {
			all = append(all, contact)
		}
	}
	slices.Sort(all)
	switch {
	case len(all) == 0 && v.Actual == nil:
		b.WriteString("The contacts on the server are not known.\n")
	case len(all) == 0:
		b.WriteString("There are no contacts on the server.\n")
	default:
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "CONTACT\tNAME\tGROUPS\tSUBSCRIPTION\tSTATE")
		for _, contact := range all {
			want, wanted := v.Wanted[contact]
			have, there := v.Actual[contact]
			row := func(c shownContact, state string) {
				fmt.Fprintf(t, "%s\t%s\t%s\n", onTerminal(contact), c.row(), state)
			}
			switch {
			case v.Actual == nil:
				row(want, "wanted")
			case v.Wanted == nil:
				row(have, "on the server")
			case !there:
				row(want, "wanted, not on the server")
			case !wanted:
				row(have, "on the server, not wanted")
			case have.same(want):
				row(have, "as wanted")
			default:
				row(want, "wanted, otherwise on the server")
				row(have, "on the server")
			}
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if v.Wanted == nil {
		b.WriteString("The web application has not been asked yet: refresh the roster, or see 'roster diff'.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printRosterDiff prints what a refresh would change, a contact in each line.
func printRosterDiff(w io.Writer, body []byte) error {
	var v struct {
		Add, Remove []shownContact
		Change      []struct {
			JID      string
			From, To shownContact
		}
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(v.Add)+len(v.Change)+len(v.Remove) == 0 {
		_, err := fmt.Fprintln(w, "no changes: the server has the wanted roster")
		return err
	}
	fmt.Fprintln(t, "\tCONTACT\tNAME\tGROUPS\tSUBSCRIPTION")
	row := func(sign, contact string, c shownContact) {
		fmt.Fprintf(t, "%s\t%s\t%s\n", sign, onTerminal(contact), c.row())
	}
	for _, c := range v.Add {
		row("add", c.JID, c)
	}
	for _, c := range v.Change {
		row("change", c.JID, c.From)
		row("    to", c.JID, c.To)
	}
	for _, c := range v.Remove {
		row("remove", c.JID, c)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s%d to add, %d to change, %d to remove\n", b.String(), len(v.Add), len(v.Change), len(v.Remove))
	return err
}
