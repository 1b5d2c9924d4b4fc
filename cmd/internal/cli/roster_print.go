package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
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

// row prints a contact in a table, before and behind other cells.
func (c shownContact) row(row func(...any), first, contact string, last ...any) {
	var cells []any
	if first != "" {
		cells = append(cells, first)
	}
	row(append(append(cells, contact, c.Name, strings.Join(c.Groups, ", "), c.Subscription), last...)...)
}

// shownRoster is the printed part of a roster in the API.
type shownRoster struct {
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

// printRoster prints the wanted roster and the server's as one table.
func printRoster(w io.Writer, v *shownRoster) error {
	var f facts
	f.add("user", v.JID)
	f.add("backend", text(v.Backend, "none was used yet"))
	last := "none yet"
	if v.Last != nil {
		last = shown(v.Last.Time) + ", " + v.Last.Result
		if v.Last.Detail != nil {
			last += ": " + *v.Last.Detail
		}
	}
	f.add("last refresh", last)
	if v.ActualError != nil {
		f.add("not read now", v.ActualError)
		f.add("read last", v.ActualTime)
	}
	f.WriteByte('\n')
	all := slices.Collect(maps.Keys(v.Wanted))
	for contact := range v.Actual {
		if _, wanted := v.Wanted[contact]; !wanted {
			all = append(all, contact)
		}
	}
	slices.Sort(all)
	switch {
	case len(all) == 0 && v.Actual == nil:
		f.WriteString("The contacts on the server are not known.\n")
	case len(all) == 0:
		f.WriteString("There are no contacts on the server.\n")
	default:
		if err := printTable(&f, "CONTACT\tNAME\tGROUPS\tSUBSCRIPTION\tSTATE", func(row func(...any)) {
			for _, contact := range all {
				v.printContact(row, contact)
			}
		}); err != nil {
			return err
		}
	}
	switch {
	case v.Wanted != nil:
	case v.Last == nil:
		f.WriteString("The web application has not been asked yet: refresh the roster, or see 'roster diff'.\n")
	default:
		f.WriteString("The web application has not said yet which contacts are wanted.\n")
	}
	return f.print(w)
}

func (v *shownRoster) printContact(row func(...any), contact string) {
	want, wanted := v.Wanted[contact]
	have, there := v.Actual[contact]
	switch {
	case v.Actual == nil:
		want.row(row, "", contact, "wanted")
	case v.Wanted == nil:
		have.row(row, "", contact, "on the server")
	case !there:
		want.row(row, "", contact, "wanted, not on the server")
	case !wanted:
		have.row(row, "", contact, "on the server, not wanted")
	case have.same(want):
		have.row(row, "", contact, "as wanted")
	default:
		want.row(row, "", contact, "wanted, otherwise on the server")
		have.row(row, "", contact, "on the server")
	}
}

type shownDiff struct {
	Add, Remove []shownContact
	Change      []struct {
		JID      string
		From, To shownContact
	}
}

// printRosterDiff prints what a refresh would change, a contact in each line.
func printRosterDiff(w io.Writer, v *shownDiff) error {
	if len(v.Add)+len(v.Change)+len(v.Remove) == 0 {
		_, err := fmt.Fprintln(w, "no changes: the server has the wanted roster")
		return err
	}
	if err := printTable(w, "\tCONTACT\tNAME\tGROUPS\tSUBSCRIPTION", func(row func(...any)) {
		for _, c := range v.Add {
			c.row(row, "add", c.JID)
		}
		for _, c := range v.Change {
			c.From.row(row, "change", c.JID)
			c.To.row(row, "    to", c.JID)
		}
		for _, c := range v.Remove {
			c.row(row, "remove", c.JID)
		}
	}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d to add, %d to change, %d to remove\n", len(v.Add), len(v.Change), len(v.Remove))
	return err
}
