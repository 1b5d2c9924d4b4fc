package v1_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/tail"
	"stanzahook/pkg/webhook"
)

// follow opens the tail and returns its lines. It returns when the first has come.
func follow(t *testing.T, h http.Handler, token, query string, headers ...string) (lines *bufio.Scanner, end func()) {
	t.Helper()
	s := httptest.NewServer(h)
	ctx, cancel := context.WithCancel(t.Context())
	end = func() { cancel(); s.Close() }
	t.Cleanup(end)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/tail"+query, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines = bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != ": events follow" || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %q", resp.StatusCode, resp.Header, lines.Text())
	}
	return lines, end
}

// dataOf returns the data of the next event, which has this name.
func dataOf(t *testing.T, lines *bufio.Scanner, name string) string {
	t.Helper()
	var is string
	for lines.Scan() {
		if kind, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			is = kind
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if is != name {
				t.Fatalf("an event %s instead of %s: %s", is, name, data)
			}
			return data
		}
	}
	t.Fatalf("the stream ends: %v", lines.Err())
	return ""
}

// An admin gets reasons in full, who may only read gets them without the words of the
// endpoint.
func TestTail(t *testing.T) {
	for token, reason := range map[string]string{"admin": `"invalid reply: from: \"eve@evil.example\" …"`, "reader": `"invalid reply"`} {
		all := tail.New(webhook.WithoutQuotes)
		all.Link(tail.Link{Component: "bot.example.com", State: "up"})
		lines, end := follow(t, serve(v1.Options{Tail: all, Heartbeat: time.Hour}), token, "?kinds=delivery&endpoint=echo&jid=u@example.com", "Last-Event-ID", "1")
		dataOf(t, lines, "gap")
		all.Delivery(&tail.Delivery{ID: "evt_1", Endpoint: "echo", State: "dead", Type: "message.chat", From: "u@example.com/r", To: "b", N: 1, Status: 200, Reason: `invalid reply: from: "eve@evil.example" …`})
		if data := dataOf(t, lines, "delivery"); !strings.Contains(data, `"reason":`+reason+"}") {
			t.Errorf("%s: %s", token, data)
		}
		all.Close()
		if data := dataOf(t, lines, "end"); !strings.Contains(data, `"reason":"stopping"`) {
			t.Errorf("%s: %s", token, data)
		}
		end()
		waitFor(t, func() bool { return all.Counts().Readers == 0 })
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within a minute")
		}
	}
}

// An idle stream has heartbeats.
func TestTailHeartbeat(t *testing.T) {
	lines, _ := follow(t, serve(v1.Options{Tail: tail.New(nil), Heartbeat: time.Millisecond}), "reader", "")
	for range 3 {
		lines.Scan() // the empty line
		if !lines.Scan() || lines.Text() != ": heartbeat" {
			t.Fatalf("%q", lines.Text())
		}
	}
}

func TestTailIsRefused(t *testing.T) {
	all := tail.New(nil)
	for _, c := range []struct{ token, query, last, says string }{
		{"events", "", "", `403 lacks the scope "admin" or "read"`},
		{"nobody", "", "", "401 not accepted"},
		{"reader", "?kinds=delivery,bots", "", `400 kinds: "bots" is not one of delivery, link`},
		{"reader", "?jid=u@example.com/r", "", "400 jid: "},
		{"reader", "?jid=a@b@c", "", "400 jid: "},
		{"admin", "?kind=delivery", "", "400 kind: this query parameter is not known here; there are kinds, endpoint, jid"},
		{"admin", "?kinds=http&kinds=link", "", "400 kinds: it is there 2 times"},
		{"admin", "", "evt_1", "400 Last-Event-ID: "},
	} {
		status, says, _ := strings.Cut(c.says, " ")
		var headers []string
		if c.last != "" {
			headers = []string{"Last-Event-ID", c.last}
		}
		isProblem(t, ask(serve(v1.Options{Tail: all}), c.token, "GET", "/v1/tail"+c.query, "", headers...), map[string]int{"400": 400, "401": 401, "403": 403}[status], says)
	}
	for range 28 {
		if _, err := all.Open(tail.Opening{}); err != nil {
			t.Fatal(err)
		}
	}
	isProblem(t, ask(serve(v1.Options{Tail: all}), "reader", "GET", "/v1/tail", ""), 503, "all places")
	all.Close()
	isProblem(t, ask(serve(v1.Options{Tail: all}), "admin", "GET", "/v1/tail", ""), 503, "stopping")
}

// What a token may do.
func TestSelf(t *testing.T) {
	h := serve(v1.Options{})
	equalJSON(t, ask(h, "all", "GET", "/v1/self", ""), `{"name":"all","scopes":["send","query","admin"],"from":[],"rooms":[],"endpoint":null}`)
	equalJSON(t, ask(h, "bound", "GET", "/v1/self", ""), `{"name":"bound","scopes":["send"],"from":["alice@bot.example.com"],"rooms":[],"endpoint":null}`)
	equalJSON(t, ask(h, "none", "GET", "/v1/self", ""), `{"name":"none","scopes":[],"from":[],"rooms":[],"endpoint":null}`)
	isProblem(t, ask(h, "none", "GET", "/v1/self?x=1", ""), 400, "x: there are no query parameters")
}

var variable = regexp.MustCompile(`\{\w+\}`)
