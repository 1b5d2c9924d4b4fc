package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"stanzahook/cmd/internal/instance"
	"stanzahook/cmd/internal/terminal"
)

// jsonFlag gives a command the flag --json.
func jsonFlag(cmd *cobra.Command, usage string) { cmd.Flags().Bool("json", false, usage) }

func asJSON(cmd *cobra.Command) bool { return cmd.Flag("json").Value.String() == "true" }

// printer prints an answer of the API for people.
type printer func(w io.Writer, answer json.RawMessage) error

// as is a printer of an answer of type T.
func as[T any](print func(w io.Writer, v *T) error) printer {
	return func(w io.Writer, answer json.RawMessage) error {
		v, err := instance.Decode[T](answer)
		if err != nil {
			return err
		}
		return print(w, v)
	}
}

// printAnswer prints an answer of the API; with --json, as it came.
func printAnswer(cmd *cobra.Command, answer json.RawMessage, print printer) error {
	if asJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	return print(cmd.OutOrStdout(), answer)
}

// printJSON prints the API's JSON.
func printJSON(w io.Writer, body []byte) error {
	_, err := w.Write(append(bytes.TrimRight(body, "\n"), '\n'))
	return err
}

// encodeJSON prints a value of ours as JSON.
func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

const (
	shownTime      = "2006-01-02 15:04:05"
	maxShownReason = 60 // characters of a reason in a table
)

// shown is a value as people read it, harmless for a terminal; empty for a nil pointer.
func shown(v any) string {
	switch v := v.(type) {
	case *string:
		if v == nil {
			return ""
		}
		return terminal.Harmless(*v)
	case *time.Time:
		if v == nil {
			return ""
		}
		return shown(*v)
	case time.Time:
		return v.Local().Format(shownTime)
	}
	return terminal.Harmless(fmt.Sprint(v))
}

// text is a text of the API, or another in place of none.
func text(s *string, none string) string { return terminal.Text(s, none) }

// shortened is a reason for a table.
func shortened(s string) string {
	if all := []rune(s); len(all) > maxShownReason {
		return string(all[:maxShownReason-1]) + "…"
	}
	return s
}

// printTable prints rows of cells under their heads; without heads, the rows alone.
func printTable(w io.Writer, heads string, rows func(row func(cells ...any))) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if heads != "" {
		fmt.Fprintln(t, heads)
	}
	rows(func(cells ...any) {
		texts := make([]string, len(cells))
		for i, cell := range cells {
			texts[i] = shown(cell)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	})
	return t.Flush()
}

// table is how a list of the API is printed.
type table[T any] struct {
	none  string // said if there is nothing in it; empty: the heads are printed alone
	heads string
	rows  func(one *T, row func(cells ...any)) // of one element
	more  string                               // said if there are other pages
}

// page is a page of a list.
type page[T any] struct {
	Items []T
	Next  *string
}

func (t table[T]) print(w io.Writer, p *page[T]) error {
	if len(p.Items) == 0 && t.none != "" {
		_, err := fmt.Fprintln(w, t.none)
		return err
	}
	err := printTable(w, t.heads, func(row func(...any)) {
		for i := range p.Items {
			t.rows(&p.Items[i], row)
		}
	})
	if err == nil && p.Next != nil && t.more != "" {
		_, err = fmt.Fprintln(w, t.more)
	}
	return err
}

// says is a printer of a line, whatever the answer is.
func says(line string) printer {
	return func(w io.Writer, _ json.RawMessage) error {
		_, err := fmt.Fprintln(w, line)
		return err
	}
}

// facts are lines of a name and a value.
type facts struct{ strings.Builder }

// add adds a line, unless the value is empty.
func (f *facts) add(name string, value any) {
	if text := shown(value); text != "" {
		fmt.Fprintf(f, "%-13s %s\n", name+":", text)
	}
}

func (f *facts) print(w io.Writer) error {
	_, err := io.WriteString(w, f.String())
	return err
}
