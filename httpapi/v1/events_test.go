package v1_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stanzahook/httpapi"
	"stanzahook/httpapi/openapi/conform"
	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// fakeEvents are pages that come one after the other, and then an error.
type fakeEvents struct {
	*fake
	pages chan []delivery.Pulled
	end   error
}

func (f *fakeEvents) Read(_ context.Context, name, cursor string) (v1.EventReader, error) {
	if err := f.note("read %s after %q", name, cursor); err != nil {
		return nil, err
	}
	return &fakeReader{f, "begin"}, nil
}

func (f *fakeEvents) Ack(_ context.Context, name, cursor string) error {
	return f.note("ack %s %s", name, cursor)
}

type fakeReader struct {
	f  *fakeEvents
	at string
}

func (r *fakeReader) Next(ctx context.Context, n int, wait time.Duration) ([]delivery.Pulled, error) {
	_ = r.f.note("next %d %s", n, wait)
	select {
	case list, ok := <-r.f.pages:
		if !ok {
			return nil, r.f.end
		}
		if len(list) > 0 {
			r.at = list[len(list)-1].Cursor
		}
		return list, nil
	case <-ctx.Done():
		return nil, nil
	}
}

func (r *fakeReader) Cursor() string { return r.at }
func (r *fakeReader) Close()         { _ = r.f.note("close") }

const (
	event1 = `{"id":"evt_1","type":"message.chat","timestamp":"2026-11-20T18:00:00.123Z","endpoint":"bot","component":"bot.example.com","data":{"kind":"message","stanza":"<message/>"}}`
	event2 = `{"id":"evt_2","type":"presence.probe","timestamp":"2026-11-20T18:00:00.124Z","endpoint":"bot","component":"bot.example.com","data":{"stanza":"<presence type='probe'/>"}}`
)

func two() []delivery.Pulled {
	return []delivery.Pulled{{Cursor: "c1", JSON: []byte(event1)}, {Cursor: "c2", JSON: []byte(event2)}}
}

// serveEvents serves the pages, and then the end. Without an end it waits.
func serveEvents(t *testing.T, end error, pages ...[]delivery.Pulled) (*fakeEvents, string) {
	t.Helper()
	f := &fakeEvents{&fake{}, make(chan []delivery.Pulled, len(pages)), end}
	for _, p := range pages {
		f.pages <- p
	}
	if end != nil {
		close(f.pages)
	}
	var tokens []httpapi.Token
	for _, scope := range []string{"events", "admin"} {
		tokens = append(tokens, httpapi.Token{Name: scope, Hash: sha256.Sum256([]byte(scope)), Scopes: []string{scope}})
	}
	check, err := conform.New()
	if err != nil {
		t.Fatal(err)
	}
	mount := v1.New(v1.Options{Events: f, Heartbeat: time.Hour})
	s := httptest.NewServer(check.Recorder(httpapi.New(httpapi.Options{Tokens: tokens}, mount).Handler(), func(err error) { t.Error(err) }))
	t.Cleanup(s.Close)
	return f, s.URL
}

func ask(t *testing.T, token, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func TestPull(t *testing.T) {
	for _, c := range []struct {
		query, want, asked string
		end                error
		pages              [][]delivery.Pulled
	}{
		{"", `{"events":[` + event1 + "," + event2 + `],"cursor":"c2"}`, "next 100 30s", nil, [][]delivery.Pulled{two()}},
		{"?cursor=c9&wait=5s&max=7", `{"events":[],"cursor":"begin"}`, "next 7 5s", nil, [][]delivery.Pulled{nil}},
		{"?wait=0s", `{"events":[],"cursor":"begin"}`, "next 100 0s", gateway.ErrStopping, nil},
	} {
		f, url := serveEvents(t, c.end, c.pages...)
		r := ask(t, "events", "GET", url+"/v1/endpoints/bot/events"+c.query, "")
		if got := text(t, r); got != c.want || r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.query, r.StatusCode, got)
		}
		if got := strings.Join(f.asked, ", "); !strings.Contains(got, c.asked) || !strings.HasSuffix(got, "close") {
			t.Errorf("%s: asked %s", c.query, got)
		}
		if strings.Contains(c.query, "c9") && f.asked[0] != `read bot after "c9"` {
			t.Errorf("%v", f.asked)
		}
	}
}

func TestPullIsRefused(t *testing.T) {
	for _, c := range []struct {
		token, method, path, body string
		err, end                  error
		status                    int
		says                      string
	}{
		{"admin", "GET", "", "", nil, nil, 403, `lacks the scope \"events\"`},
		{"admin", "POST", "/ack", `{"cursor":"c"}`, nil, nil, 403, `lacks the scope \"events\"`},
		{"events", "GET", "?max=0", "", nil, nil, 400, "max: write a number from 1 to 1000"},
		{"events", "GET", "?max=1001", "", nil, nil, 400, "max"},
		{"events", "GET", "?wait=30", "", nil, nil, 400, "wait: write a duration from 0s to 5m0s, such as 30s"},
		{"events", "GET", "?wait=6m", "", nil, nil, 400, "wait"},
		{"events", "GET", "?limit=1", "", nil, nil, 400, "limit: this query parameter is not known here"},
		{"events", "GET", "", "", gateway.ErrNotFound, nil, 404, `no endpoint has the name \"bot\"`},
		{"events", "GET", "", "", fmt.Errorf("%w: has a url", gateway.ErrConflict), nil, 409, "has a url"},
		{"events", "GET", "?cursor=x", "", fmt.Errorf("%w: x", gateway.ErrCursor), nil, 400, "cursor"},
		{"events", "GET", "", "", gateway.ErrBusy, nil, 503, "try again"},
		{"events", "GET", "", "", nil, delivery.ErrReplaced, 409, "a newer request"},
		{"events", "GET", "", "", nil, errors.New("disk"), 500, "request id"},
		{"events", "POST", "/ack", `{}`, nil, nil, 400, "cursor: it is missing"},
		{"events", "POST", "/ack", `{"cursor":1}`, nil, nil, 400, "cursor"},
		{"events", "POST", "/ack", `{"place":"x"}`, nil, nil, 400, "place"},
		{"events", "POST", "/ack?x=1", `{"cursor":"c"}`, nil, nil, 400, "x: there are no query parameters"},
		{"events", "POST", "/ack", `{"cursor":"c"}`, gateway.ErrCursor, nil, 400, "cursor"},
		{"events", "POST", "/ack", `{"cursor":"c"}`, gateway.ErrBusy, nil, 503, "try again"},
	} {
		f, url := serveEvents(t, c.end)
		f.err = c.err
		r := ask(t, c.token, c.method, url+"/v1/endpoints/bot/events"+c.path, c.body)
		got := text(t, r)
		if r.StatusCode != c.status || !strings.Contains(got, c.says) || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.StatusCode, got)
		}
		if (r.Header.Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%s %s: Retry-After %q", c.method, c.path, r.Header.Get("Retry-After"))
		}
	}
}

func TestAck(t *testing.T) {
	f, url := serveEvents(t, nil)
	r := ask(t, "events", "POST", url+"/v1/endpoints/bot/events/ack", `{"cursor":"c2"}`)
	if got := text(t, r); r.StatusCode != 204 || got != "" || f.asked[0] != "ack bot c2" {
		t.Errorf("%d %s %v", r.StatusCode, got, f.asked)
	}
}

// The whole stream, byte by byte.
func TestStream(t *testing.T) {
	f, url := serveEvents(t, delivery.ErrReplaced, two(), nil, two()[:1])
	r := ask(t, "events", "GET", url+"/v1/endpoints/bot/events?cursor=old", "", "Accept", "text/event-stream", "Last-Event-ID", "c0")
	want := `: events follow

id: c1
data: ` + event1 + `

id: c2
data: ` + event2 + `

: heartbeat

id: c1
data: ` + event1 + `

event: end
data: {"detail":"a newer request reads the events of this endpoint, and there is one reader at a time","reason":"replaced"}`
	if got := text(t, r); got != want || r.Header.Get("Content-Type") != "text/event-stream" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", r.Header, got)
	}
	if f.asked[0] != `read bot after "c0"` || f.asked[1] != "next 100 1h0m0s" {
		t.Errorf("%v", f.asked)
	}
}

// What comes is sent at once, and a caller who goes is noticed.
func TestStreamFlushes(t *testing.T) {
	f, url := serveEvents(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", url+"/v1/endpoints/bot/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer events")
	req.Header.Set("Accept", "application/json;q=0.5, text/event-stream")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("%q, %v, instead of %q", lines.Text(), lines.Err(), want)
		}
	}
	next(": events follow")
	next("")
	for _, c := range []string{"c1", "c2"} {
		f.pages <- []delivery.Pulled{{Cursor: c, JSON: []byte("{}")}} // not buffered: the stream has taken it
		next("id: " + c)
		next("data: {}")
		next("")
	}
	cancel()
}

func TestStreamIsRefused(t *testing.T) {
	for accept, wanted := range map[string]bool{
		"text/event-stream": true, "TEXT/Event-Stream; q=0.1": true, "text/event-stream;q=0": false, "*/*": false, "": false, "application/json": false,
	} {
		_, url := serveEvents(t, errors.New("disk"))
		r := ask(t, "events", "GET", url+"/v1/endpoints/bot/events", "", "Accept", accept)
		if got := text(t, r); strings.Contains(got, "event: end") != wanted || wanted == (r.StatusCode == 500) {
			t.Errorf("%q: %d %s", accept, r.StatusCode, got)
		}
	}
	f, url := serveEvents(t, nil)
	f.err = gateway.ErrCursor
	r := ask(t, "events", "GET", url+"/v1/endpoints/bot/events", "", "Accept", "text/event-stream", "Last-Event-ID", "nonsense")
	if r.StatusCode != 400 || r.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	r = ask(t, "events", "GET", url+"/v1/endpoints/bot/events?wait=1s", "", "Accept", "text/event-stream")
	if got := text(t, r); r.StatusCode != 400 || !strings.Contains(got, "wait") {
		t.Errorf("%d %s", r.StatusCode, got)
	}
}
