package behaviour

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// section is a part of a case as it stands in the file.
type section struct{ name, body string }

// String returns the text of the table, as [Parse] reads it.
func (t *Table) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(t.Intro, "\n") + "\n")
	for i := range t.Cases {
		c := &t.Cases[i]
		fmt.Fprintf(&b, "\n=== %s\n", c.Title)
		for _, s := range c.sections {
			switch s.name {
			case "back", "back, direct":
				direct, queued := c.Direct.String(), c.Queued.String()
				if direct == queued {
					s = section{"back", direct}
				} else {
					s = section{"back, direct", direct + "\n--- back, queued\n" + queued}
				}
			case "back, queued": // it follows the direct one
				continue
			case "note":
				s.body = c.Note
			case "request", "request, " + t.format:
				s.body = headLines(c.Request.Header) + "\n" + c.Request.Body
			}
			fmt.Fprintf(&b, "--- %s\n%s\n", s.name, s.body)
		}
	}
	return b.String()
}

func headLines(h http.Header) string {
	var lines []string
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, name+": "+v+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
