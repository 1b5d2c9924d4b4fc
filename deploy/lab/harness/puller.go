//go:build linux

package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// puller is a bot without a URL of its own: it asks for events, answers each by
// /rest with its text, and acknowledges it by the next question.
type puller struct {
	t testing.TB

	mu   sync.Mutex
	ids  map[string]string   // "user number" -> the event that had it
	Got  map[string][]string // by user: the texts, as they came first
	seen int                 // of these
	Twin int                 // events that came again
}

func NewPuller(t testing.TB) *puller {
	return &puller{t: t, ids: make(map[string]string), Got: make(map[string][]string)}
}

type pulledEvent struct {
	ID, Type, Endpoint string
	Data               struct{ From, To, Body string }
}

type PulledPage struct {
	Events []pulledEvent
	Cursor string
}

// Ask asks once. It reports false if the program does not answer as it should.
func (b *puller) Ask(p *Program, cursor string, n int) (page PulledPage, ok bool) {
	query := url.Values{"wait": {"2s"}, "max": {fmt.Sprint(n)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	r, err := p.Call("GET", "/v1/endpoints/bot/events?"+query.Encode(), "token-pull", "", "")
	if err != nil || r.Status != http.StatusOK {
		return page, false // it was killed
	}
	if err := json.Unmarshal([]byte(r.Body), &page); err != nil {
		b.t.Error(err)
	}
	return page, err == nil
}

// Run works as the bot does, until it has answered so many events that it has
// not seen before, or the program does not answer. It begins without a cursor,
// as a bot that was killed: what it has not acknowledged comes again.
func (b *puller) Run(p *Program, until int) {
	cursor := ""
	for {
		page, ok := b.Ask(p, cursor, 20)
		if !ok {
			return
		}
		for _, e := range page.Events {
			if !b.take(e) {
				b.t.Errorf("%+v came out of its order", e)
			}
			if !b.answer(p, e) {
				return
			}
			if b.count() >= until {
				return // killed with some answered and not acknowledged
			}
		}
		cursor = page.Cursor
	}
}

func (b *puller) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen
}

// take notes an event; it reports false if it is not what is due.
func (b *puller) take(e pulledEvent) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := e.Data.From + " " + e.Data.Body
	if id, again := b.ids[key]; again {
		b.Twin++
		return id == e.ID
	}
	due := fmt.Sprint(len(b.Got[e.Data.From]))
	b.ids[key] = e.ID
	b.Got[e.Data.From] = append(b.Got[e.Data.From], e.Data.Body)
	b.seen++
	return e.Data.Body == due && e.Type == "message.chat" && e.Endpoint == "bot"
}

// answer answers by /rest, with an id that is the same if it answers again.
func (b *puller) answer(p *Program, e pulledEvent) bool {
	body, err := json.Marshal(map[string]string{"kind": "message", "type": "chat", "id": e.ID, "from": e.Data.To, "to": e.Data.From, "body": e.Data.Body})
	if err != nil {
		b.t.Error(err)
		return false
	}
	r, err := p.Call("POST", "/rest", "token-pull", AsJSON, string(body))
	if err == nil && r.Status != http.StatusAccepted {
		b.t.Errorf("POST /rest: %d %s", r.Status, r.Body)
	}
	return err == nil
}

// sse is an event stream that is open.
type sse struct {
	t     testing.TB
	lines *bufio.Scanner
	close func()
}

// OpenStream opens the events of the endpoint bot behind an id.
func OpenStream(t testing.TB, p *Program, last string) *sse {
	t.Helper()
	return openStream(t, p, "/v1/endpoints/bot/events", "token-pull", last)
}

// OpenTail opens the tail.
func OpenTail(t testing.TB, p *Program, query string) *sse {
	t.Helper()
	s := openStream(t, p, "/v1/tail?"+query, "token-admin", "")
	s.lines.Scan() // the comment that it begins with: from here on nothing is missed
	return s
}

func openStream(t testing.TB, p *Program, path, token, last string) *sse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+p.Addr+path, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	return &sse{t, bufio.NewScanner(resp.Body), cancel}
}

// Next returns the fields of the next event.
func (s *sse) Next() map[string]string {
	s.t.Helper()
	fields := make(map[string]string)
	for s.lines.Scan() {
		name, value, ok := strings.Cut(s.lines.Text(), ": ")
		switch {
		case s.lines.Text() == "" && len(fields) > 0:
			return fields
		case ok && name != "":
			fields[name] = value
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return nil
}
