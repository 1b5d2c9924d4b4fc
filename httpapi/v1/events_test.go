package v1_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/delivery"
	"stanzahook/pkg/gateway"
)

// fakeEvents are pages of events, one after the other, and then an error.
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
func serveEvents(end error, pages ...[]delivery.Pulled) (*fakeEvents, http.Handler) {
	f := &fakeEvents{&fake{}, make(chan []delivery.Pulled, len(pages)), end}
	for _, p := range pages {
		f.pages <- p
	}
	if end != nil {
		close(f.pages)
	}
	return f, serve(v1.Options{Events: f, Heartbeat: time.Hour})
}

const botEvents = "/v1/endpoints/bot/events"

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
		f, h := serveEvents(c.end, c.pages...)
		w := ask(h, "events", "GET", botEvents+c.query, "")
		if w.Body.String() != c.want+"\n" || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.query, w.Code, w.Body)
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
		{"admin", "GET", "", "", nil, nil, 403, `lacks the scope "events"`},
		{"admin", "POST", "/ack", `{"cursor":"c"}`, nil, nil, 403, `lacks the scope "events"`},
		{"events", "GET", "?max=0", "", nil, nil, 400, "max: write a number from 1 to 1000"},
		{"events", "GET", "?max=1001", "", nil, nil, 400, "max"},
		{"events", "GET", "?wait=30", "", nil, nil, 400, `wait: "30" is not a duration up to 5m0s`},
		{"events", "GET", "?wait=6m", "", nil, nil, 400, "wait"},
		{"events", "GET", "?limit=1", "", nil, nil, 400, "limit: this query parameter is not known here"},
		{"events", "GET", "", "", gateway.ErrNotFound, nil, 404, `no endpoint is named "bot"`},
		{"events", "GET", "", "", fmt.Errorf("%w: has a url", gateway.ErrConflict), nil, 409, "has a url"},
		{"events", "GET", "?cursor=x", "", fmt.Errorf("%w: x", gateway.ErrCursor), nil, 400, "cursor"},
		{"events", "GET", "", "", gateway.ErrBusy, nil, 503, "try again"},
		{"events", "GET", "", "", nil, delivery.ErrReplaced, 409, "a newer request"},
		{"events", "GET", "", "", nil, errors.New("disk"), 500, "request id"},
		{"events", "POST", "/ack", `{}`, nil, nil, 400, "cursor: is missing"},
		{"events", "POST", "/ack", `{"cursor":1}`, nil, nil, 400, "cursor"},
		{"events", "POST", "/ack", `{"place":"x"}`, nil, nil, 400, "place"},
		{"events", "POST", "/ack?x=1", `{"cursor":"c"}`, nil, nil, 400, "x: there are no query parameters"},
		{"events", "POST", "/ack", `{"cursor":"c"}`, gateway.ErrCursor, nil, 400, "cursor"},
		{"events", "POST", "/ack", `{"cursor":"c"}`, gateway.ErrBusy, nil, 503, "try again"},
	} {
		f, h := serveEvents(c.end)
		f.err = c.err
		isProblem(t, ask(h, c.token, c.method, botEvents+c.path, c.body), c.status, c.says)
	}
}

func TestAck(t *testing.T) {
	f, h := serveEvents(nil)
	w := ask(h, "events", "POST", botEvents+"/ack", `{"cursor":"c2"}`)
	if w.Code != 204 || w.Body.Len() > 0 || f.asked[0] != "ack bot c2" {
		t.Errorf("%d %s %v", w.Code, w.Body, f.asked)
	}
}

// The whole stream, byte by byte.
func TestStream(t *testing.T) {
	f, h := serveEvents(delivery.ErrReplaced, two(), nil, two()[:1])
	w := ask(h, "events", "GET", botEvents+"?cursor=old", "", "Accept", "text/event-stream", "Last-Event-ID", "c0")
	want := `: events follow

id: c1
data: ` + event1 + `

id: c2
data: ` + event2 + `

: heartbeat

id: c1
data: ` + event1 + `

event: end
data: {"detail":"a newer request reads the events of this endpoint, and there is one reader at a time","reason":"replaced"}

`
	if w.Body.String() != want || w.Header().Get("Content-Type") != "text/event-stream" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", w.Header(), w.Body)
	}
	if f.asked[0] != `read bot after "c0"` || f.asked[1] != "next 100 1h0m0s" {
		t.Errorf("%v", f.asked)
	}
}

// Events are sent at once, and the stream ends when the caller goes.
func TestStreamFlushes(t *testing.T) {
	f, h := serveEvents(nil)
	s := httptest.NewServer(h)
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+botEvents, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer events")
	req.Header.Set("Accept", "application/json;q=0.5, text/event-stream")
	r, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
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
		_, h := serveEvents(errors.New("disk"))
		w := ask(h, "events", "GET", botEvents, "", "Accept", accept)
		if strings.Contains(w.Body.String(), "event: end") != wanted || wanted == (w.Code == 500) {
			t.Errorf("%q: %d %s", accept, w.Code, w.Body)
		}
	}
	f, h := serveEvents(nil)
	f.err = gateway.ErrCursor
	isProblem(t, ask(h, "events", "GET", botEvents, "", "Accept", "text/event-stream", "Last-Event-ID", "nonsense"), 400, "cursor")
	isProblem(t, ask(h, "events", "GET", botEvents+"?wait=1s", "", "Accept", "text/event-stream"), 400, "wait")
}
