//go:build integration

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// hook is one request that a bot got. Both formats are read into it.
type hook struct {
	ID     string // webhook-id
	Header http.Header
	Raw    string
	Time   time.Time
	Status int // that was answered

	Event     string // type
	Component string
	Endpoint  string
	Kind      string
	Type      string
	To        string
	From      string
	Stanza    string // its id
	Body      string
	Thread    string
	XML       string
}

// bot is a web application. It answers each message with its text, unless it is
// told otherwise.
type bot struct {
	server *httptest.Server

	forget bool // requests are not kept; set before the first

	mu     sync.Mutex
	hooks  []hook
	answer func(*hook) (status int, contentType, body string)
}

func newBot(t *testing.T) *bot {
	t.Helper()
	b := &bot{}
	b.server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.server.Close)
	return b
}

func (b *bot) url() string { return b.server.URL + "/hook" }

// do tells the bot how to answer; nil is an echo.
func (b *bot) do(answer func(*hook) (status int, contentType, body string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// got returns the requests so far, in order.
func (b *bot) got() []hook {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]hook(nil), b.hooks...)
}

func (b *bot) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle
	}
	h := parseHook(r.Header, raw)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer == nil {
		answer = echo
	}
	status, contentType, body := answer(&h)
	h.Status = status
	if !b.forget {
		b.mu.Lock()
		b.hooks = append(b.hooks, h)
		b.mu.Unlock()
	}
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func parseHook(header http.Header, raw []byte) hook {
	h := hook{ID: header.Get("Webhook-Id"), Header: header, Raw: string(raw), Time: time.Now()}
	type stanza struct {
		Kind, Type, To, From, ID, Body, Stanza string
		Thread                                 struct{ ID string }
	}
	var event struct {
		Type, Component, Endpoint string
		Data                      *stanza
	}
	var data stanza
	// What cannot be read stays empty, and the test sees that.
	_ = json.Unmarshal(raw, &event)
	if event.Data != nil {
		data = *event.Data
		h.Event, h.Component, h.Endpoint = event.Type, event.Component, event.Endpoint
	} else {
		_ = json.Unmarshal(raw, &data)
	}
	h.Kind, h.Type, h.To, h.From = data.Kind, data.Type, data.To, data.From
	h.Stanza, h.Body, h.Thread, h.XML = data.ID, data.Body, data.Thread.ID, data.Stanza
	return h
}

// echo answers in a way that is right in both formats.
func echo(h *hook) (int, string, string) {
	if h.Body == "" {
		return http.StatusNoContent, "", ""
	}
	answer, err := json.Marshal(map[string]string{"body": h.Body})
	if err != nil {
		return http.StatusInternalServerError, "text/plain", err.Error()
	}
	return http.StatusOK, "application/json", string(answer)
}

// busy refuses for now.
func busy(*hook) (int, string, string) { return http.StatusServiceUnavailable, "", "" }
