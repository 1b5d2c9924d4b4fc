package behaviour

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// String is the text of the table, as [Parse] reads it.
func (t *Table) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(t.Intro, "\n") + "\n")
	for _, c := range t.Cases {
		fmt.Fprintf(&b, "\n=== %s\n--- received\n%s\n", c.Title, c.Received)
		for _, format := range slices.Sorted(maps.Keys(c.requests)) {
			r := c.requests[format]
			if format == t.format {
				r = c.Request
			}
			fmt.Fprintf(&b, "--- request, %s\n%s\n%s\n", format, headLines(r.Header), r.Body)
		}
		if c.Request != nil && c.requests == nil {
			fmt.Fprintf(&b, "--- request\n%s\n%s\n", headLines(c.Request.Header), c.Request.Body)
		}
		b.WriteString(c.Answer.section())
		if direct, queued := c.Direct.String(), c.Queued.String(); direct == queued {
			fmt.Fprintf(&b, "--- back\n%s\n", direct)
		} else {
			fmt.Fprintf(&b, "--- back, direct\n%s\n--- back, queued\n%s\n", direct, queued)
		}
		if c.Note != "" {
			fmt.Fprintf(&b, "--- note\n%s\n", c.Note)
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

func (a Answer) section() string {
	if a.None {
		return "--- answer\nno connection\n"
	}
	name, body := "answer", a.Body
	if a.quoted != "" {
		name, body = "answer, quoted", a.quoted
	}
	text := fmt.Sprintf("--- %s\n%s\n%s", name, strings.TrimRight(fmt.Sprintf("HTTP/1.1 %d %s", a.Status, a.Reason), " "), headLines(a.Header))
	if body != "" {
		text += "\n" + body + "\n"
	}
	return text
}
