// Package behaviour reads the behaviour tables of the webhook formats: for a
// received stanza and an answer of the endpoint, the stanzas for the sender.
//
// A table is a text file with one case after the other:
//
//	=== a text is a reply
//	--- received
//	<message type='chat' id='m1' from='u@example.com/r' to='echo@bot.example.com'><body>hi</body></message>
//	--- request
//	Content-Type: application/json
//
//	{"to":"echo@bot.example.com",…}
//	--- answer
//	HTTP/1.1 200 OK
//	Content-Type: text/plain
//
//	hello
//	--- back
//	<message type='chat' id='evt_1-1' from='echo@bot.example.com' to='u@example.com/r'><body>hello</body></message>
//
// The request is there only where it matters; where two formats share a file, there is
// "request, rest-json" and "request, rest-xml". An answer is an HTTP response,
// or the line "no connection". The body of "answer, quoted" is Go string
// literals, one in a line, each perhaps repeated: "x" * 1000. "back" has
// stanzas, one in a line, or "nothing", or "again" where the event stays in the
// queue ("again, not before 30s", "again, endpoint disabled"). Where direct and queued
// delivery differ, there is "back, direct" and "back,
// queued" instead. A "note" is that of the attempt. Newlines at the end of a section do
// not count.
//
// In all tables the component is bot.example.com, the event's id is evt_1, and
// it was received at 2026-11-20T18:00:00.123Z for the endpoint "echo".
package behaviour

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// Table is a file of cases.
type Table struct {
	Intro string // before the first case
	Cases []Case

	format string
}

// Case is one stanza, one answer, and its effect.
type Case struct {
	Title    string
	Received string   // the stanza
	Request  *Request // nil: it does not matter here
	Answer   Answer
	Direct   Back   // delivered directly: one attempt
	Queued   Back   // delivered through the queue
	Note     string // of the attempt; empty: it does not matter here

	requests map[string]*Request // by format, where two share a file
	sections []section
}

// Request is the request to the endpoint.
type Request struct {
	Header http.Header // only those that the format decides
	Body   string
}

// Answer is the answer of the endpoint.
type Answer struct {
	None   bool // it cannot be reached
	Status int
	Header http.Header
	Body   string
}

// Back is the effect of an answer.
type Back struct {
	Stanzas  []string
	Again    bool          // nothing yet: the event stays in the queue
	After    time.Duration // of Again: not before
	Disabled bool          // of Again: the endpoint is disabled
}

// String returns the text in the table.
func (b Back) String() string {
	switch {
	case b.Again && b.Disabled:
		return "again, endpoint disabled"
	case b.Again && b.After > 0:
		return "again, not before " + b.After.String()
	case b.Again:
		return "again"
	case len(b.Stanzas) == 0:
		return "nothing"
	}
	return strings.Join(b.Stanzas, "\n")
}

// File returns the name of the file with the table of a format.
func File(format string) string {
	if strings.HasPrefix(format, "rest-") {
		format = "rest"
	}
	return format + ".txt"
}

// Load reads the table of a format.
func Load(fsys fs.FS, format string) (*Table, error) {
	data, err := fs.ReadFile(fsys, File(format))
	if err != nil {
		return nil, err
	}
	t, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", File(format), err)
	}
	t.format = format
	for i := range t.Cases {
		if c := &t.Cases[i]; c.requests != nil {
			c.Request = c.requests[format]
		}
	}
	return t, nil
}
