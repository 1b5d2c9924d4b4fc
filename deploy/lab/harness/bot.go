//go:build linux

package harness

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Hook is one request that a bot got. Both formats are read into it.
type Hook struct {
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

// Bot is a web application. It answers each message with its text, unless it is
// told otherwise.
type Bot struct {
	server *httptest.Server

	Forget bool // requests are not kept; set before the first

	mu     sync.Mutex
	hooks  []Hook
	answer func(*Hook) (status int, contentType, body string)
}

func NewBot(t testing.TB) *Bot {
	t.Helper()
	b := &Bot{}
	b.server = httptest.NewServer(http.HandlerFunc(b.Serve))
	t.Cleanup(b.server.Close)
	return b
}

func (b *Bot) URL() string { return b.server.URL + "/hook" }

// AnswerWith tells the bot how to answer; nil is an echo.
func (b *Bot) AnswerWith(answer func(*Hook) (status int, contentType, body string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// Got returns the requests so far, in order.
func (b *Bot) Got() []Hook {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Hook(nil), b.hooks...)
}

func (b *Bot) Serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the program was killed in the middle
	}
	h := ParseHook(r.Header, raw)
	b.mu.Lock()
	answer := b.answer
	b.mu.Unlock()
	if answer == nil {
		answer = EchoAnswer
	}
	status, contentType, body := answer(&h)
	h.Status = status
	if !b.Forget {
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

func ParseHook(header http.Header, raw []byte) Hook {
	h := Hook{ID: header.Get("Webhook-Id"), Header: header, Raw: string(raw), Time: time.Now()}
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

// EchoAnswer answers in a way that is right in both formats.
func EchoAnswer(h *Hook) (int, string, string) {
	if h.Body == "" {
		return http.StatusNoContent, "", ""
	}
	answer, err := json.Marshal(map[string]string{"body": h.Body})
	if err != nil {
		return http.StatusInternalServerError, "text/plain", err.Error()
	}
	return http.StatusOK, "application/json", string(answer)
}

const SigningSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
