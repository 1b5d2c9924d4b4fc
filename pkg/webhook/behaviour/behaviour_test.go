package behaviour

import (
	"strings"
	"testing"
)

const table = `# about

=== first
--- received
<message/>
--- request
Content-Type: application/json

{"a":1}
--- answer
HTTP/1.1 200 OK
Content-Type: text/plain
X: y

two

lines
--- back
<message/>
<message><body/></message>

=== second
--- received
<presence/>
--- answer, quoted
HTTP/1.1 503
Retry-After: 30

"\n\xff"
"x" * 3
--- back, direct
nothing
--- back, queued
again, not before 30s

=== third
--- received
<iq/>
--- request, rest-json
Content-Type: application/json

{}
--- request, rest-xml
Content-Type: application/xmpp+xml

<iq/>
--- answer
no connection
--- back, direct
nothing
--- back, queued
again, endpoint disabled

=== fourth
--- received
<iq/>
--- answer
HTTP/1.1 200 OK

x
--- back
again
`

func TestParse(t *testing.T) {
	got, err := Parse(table)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != table {
		t.Errorf("written again:\n%s", got)
	}
	c := got.Cases
	if len(c) != 4 || c[0].Title != "first" || c[0].Request.Body != `{"a":1}` || c[0].Answer.Body != "two\n\nlines" || c[0].Answer.Header.Get("x") != "y" || len(c[0].Queued.Stanzas) != 2 {
		t.Errorf("first: %+v", c)
	}
	if c[1].Answer.Body != "\n\xffxxx" || c[1].Answer.Status != 503 || c[1].Queued.After.Seconds() != 30 || c[1].Direct.Again {
		t.Errorf("second: %+v", c[1])
	}
	if !c[2].Answer.None || !c[2].Queued.Disabled {
		t.Errorf("third: %+v", c[2])
	}
	if c[3].Answer.Body != "x" || len(c[3].Answer.Header) != 0 || !c[3].Direct.Again {
		t.Errorf("fourth: %+v", c[3])
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"=== a\nx":                                                         "before the first section",
		"=== a\n--- received\n<iq/>":                                       "are needed",
		"=== a\n--- answer\nHTTP/1.1 200 OK":                               "are needed",
		"=== a\n--- what\n":                                                "no such section",
		"=== a\n--- back\n--- back\n":                                      "twice",
		"=== a\n--- answer\nHTTP/2 200 OK":                                 "status line",
		"=== a\n--- answer\nHTTP/1.1 200 OK\nfoo\n\nx":                     "answer",
		"=== a\n--- answer, quoted\nHTTP/1.1 200 OK\n\nx":                  "quoted",
		"=== a\n--- answer, quoted\nHTTP/1.1 200 OK\n\n\"x\" * y":          "quoted",
		"=== a\n--- back\nhello":                                           "no stanza",
		"=== a\n--- back\nagain, not before long":                          "invalid duration",
		"=== a\n--- received\n<iq/>\n--- answer\nHTTP/1.1 abc\n--- back\n": "status line",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
