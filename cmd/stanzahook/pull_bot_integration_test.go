//go:build integration

package main

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
)

// puller is a bot without a URL of its own: it asks for events, answers each by
// /rest with its text, and acknowledges it by the next question.
type puller struct {
	t *testing.T

	mu   sync.Mutex
	ids  map[string]string   // "user number" -> the event that had it
	got  map[string][]string // by user: the texts, as they came first
	seen int                 // of these
	twin int                 // events that came again
}

func newPuller(t *testing.T) *puller {
	return &puller{t: t, ids: make(map[string]string), got: make(map[string][]string)}
}

type pulledEvent struct {
	ID, Type, Endpoint string
	Data               struct{ From, To, Body string }
}

type pulledPage struct {
	Events []pulledEvent
	Cursor string
}

// ask asks once. It reports false if the program does not answer as it should.
func (b *puller) ask(p *program, cursor string, n int) (page pulledPage, ok bool) {
	query := url.Values{"wait": {"2s"}, "max": {fmt.Sprint(n)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	r, err := p.call("GET", "/v1/endpoints/bot/events?"+query.Encode(), "token-pull", "", "")
	if err != nil || r.status != http.StatusOK {
		return page, false // it was killed
	}
	if err := json.Unmarshal([]byte(r.body), &page); err != nil {
		b.t.Error(err)
	}
	return page, err == nil
}

// run works as the bot does, until it has answered so many events that it has
// not seen before, or the program does not answer. It begins without a cursor,
// as a bot that was killed: what it has not acknowledged comes again.
func (b *puller) run(p *program, until int) {
	cursor := ""
	for {
		page, ok := b.ask(p, cursor, 20)
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
		b.twin++
		return id == e.ID
	}
	due := fmt.Sprint(len(b.got[e.Data.From]))
	b.ids[key] = e.ID
	b.got[e.Data.From] = append(b.got[e.Data.From], e.Data.Body)
	b.seen++
	return e.Data.Body == due && e.Type == "message.chat" && e.Endpoint == "bot"
}

// answer answers by /rest, with an id that is the same if it answers again.
func (b *puller) answer(p *program, e pulledEvent) bool {
	body, err := json.Marshal(map[string]string{"kind": "message", "type": "chat", "id": e.ID, "from": e.Data.To, "to": e.Data.From, "body": e.Data.Body})
	if err != nil {
		b.t.Error(err)
		return false
	}
	r, err := p.call("POST", "/rest", "token-pull", asJSON, string(body))
	if err == nil && r.status != http.StatusAccepted {
		b.t.Errorf("POST /rest: %d %s", r.status, r.body)
	}
	return err == nil
}

// sse is an event stream that is open.
type sse struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

func openStream(t *testing.T, p *program, last string) *sse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+p.addr+"/v1/endpoints/bot/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token-pull")
	r.Header.Set("Accept", "text/event-stream")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	return &sse{t, bufio.NewScanner(resp.Body), cancel}
}

// next returns the fields of the next event.
func (s *sse) next() map[string]string {
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
