// Package wrongbot has bots that answer wrongly, or not at all, and for each of them what its
// developer is to read: in "stanzahook dev", "listen" and "tail", and in the console.
package wrongbot

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bot is a bot that answers wrongly.
type Bot struct {
	Name string // a word: also the text of the message that it answers wrongly

	// What becomes of the delivery (format event): its state after the attempt, the status of
	// the answer (0: none), and what stands in the attempt's error or note, or in the reason of
	// the delivery.
	State  string
	Status int
	Why    string

	Shown string // what else "listen" and "dev" show of the answer, if there is one

	answer http.HandlerFunc // nil: it does not run
}

// Runs reports whether there is a bot at all.
func (b *Bot) Runs() bool { return b.answer != nil }

// OnlyStatus reports whether there is no other reason than the status.
func (b *Bot) OnlyStatus() bool { return b.Why == fmt.Sprint("HTTP ", b.Status) }

// Quoted is the beginning of what is shown of the answer, as the commands quote it; empty:
// nothing is.
func (b *Bot) Quoted() string { return strings.Trim(strconv.Quote(b.Shown), `"`) }

// Late is the bot that does not answer in time.
const Late = "late"

const (
	hungUp  = "hangup"
	empty   = "the answer is empty; no reply is made of that"
	invalid = "invalid reply: "
)

// All are the wrong bots.
func All() []Bot {
	return []Bot{
		{Name: "down", State: "retrying", Why: "connection refused"},
		{Name: "html", State: "delivered", Status: 200, Why: "answered text/html; no reply is made of that: use text/plain or JSON", Shown: "<p>hi", answer: says(200, "text/html", "<p>hi")},
		{Name: "untyped", State: "delivered", Status: 200, Why: "answered without a Content-Type; no reply is made of that: use text/plain or JSON", Shown: "hi", answer: says(200, "", "hi")},
		{Name: "error", State: "retrying", Status: 500, Why: "HTTP 500", Shown: "Traceback: KeyError", answer: says(500, "text/plain", "Traceback: KeyError")},
		{Name: "missing", State: "retrying", Status: 404, Why: "HTTP 404", Shown: "404 page not found", answer: http.NotFound},
		{Name: "moved", State: "retrying", Status: 301, Why: "HTTP 301: redirects are not followed; write the URL that it leads to", answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
		}},
		{Name: "refuses", State: "dead", Status: 422, Why: "HTTP 422", Shown: "no such order", answer: says(422, "text/plain", "no such order")},
		{Name: "tls", State: "dead", Status: 400, Why: "the port speaks TLS; write https:// in the URL", Shown: "Client sent an HTTP request to an HTTPS server.", answer: says(400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n")},
		{Name: "empty", State: "delivered", Status: 200, Why: empty, answer: says(200, "text/plain", "")},
		{Name: "blank", State: "delivered", Status: 201, Why: empty, answer: says(201, "application/json", "\n")},
		{Name: hungUp, State: "retrying", Why: "the endpoint closed the connection without an answer", answer: hangUp},
		{Name: "half", State: "retrying", Why: "the endpoint closed the connection before the end of its answer", answer: half},
		{Name: "babble", State: "retrying", Why: "malformed HTTP", answer: babble},
		{Name: Late, State: "retrying", Why: "no answer within ", answer: late},
		{Name: "json", State: "delivered", Status: 200, Why: invalid, Shown: `{"body":`, answer: says(200, "application/json", `{"body":`)},
		{Name: "key", State: "delivered", Status: 200, Why: "answered JSON without a key that makes a reply (text)", Shown: `{"text":"hi"}`, answer: says(200, "application/json", `{"text":"hi"}`)},
		{Name: "number", State: "delivered", Status: 200, Why: "answered a JSON number; no reply is made of that", Shown: "42", answer: says(200, "application/json", "42")},
		{Name: "charset", State: "delivered", Status: 200, Why: invalid, answer: says(200, "text/plain; charset=utf-16", "hi")},
		{Name: "coding", State: "delivered", Status: 200, Why: invalid, answer: coded},
		{Name: "long", State: "delivered", Status: 200, Why: invalid, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.Repeat("x", 2<<20)) // it is not read to the end
		}},
	}
}

// says is a bot that answers always the same.
func says(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil // net/http would guess one
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // an asker that is gone is no matter here
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// half ends in the middle of its answer.
func half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half an ")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// babble does not speak HTTP.
func babble(w http.ResponseWriter, _ *http.Request) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n")
	_ = c.Close()
}

// late answers when nobody waits any more.
func late(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// coded answers in a coding that nobody has asked for.
func coded(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "br")
	says(200, "text/plain", "hi")(w, r)
}

// Handler is a web application in which all of these bots run. The text of a message says
// which of them answers. An event that comes again is accepted, so that nothing waits behind
// it for long; one without a webhook-id never is.
type Handler struct {
	mu       sync.Mutex
	asked    map[string]int       // by webhook-id
	answered map[string]time.Time // by name
}

// ServeHTTP takes requests of the format event.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct{ Data struct{ Body string } }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // so that the end of the connection is seen
	for _, b := range All() {
		switch {
		case b.Name != event.Data.Body:
			continue
		case b.Runs():
			h.serve(w, r, &b)
		default: // it is up again
			w.WriteHeader(http.StatusNoContent)
		}
		return
	}
	http.Error(w, fmt.Sprintf("there is no wrong bot %q", event.Data.Body), http.StatusTeapot)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, b *Bot) {
	wrong := 1
	if b.Name == hungUp {
		wrong = 2 // a client repeats a request whose connection may have been closed before
	}
	id := r.Header.Get("Webhook-Id")
	h.mu.Lock()
	if h.asked == nil {
		h.asked, h.answered = make(map[string]int), make(map[string]time.Time)
	}
	again := id != "" && h.asked[id] >= wrong
	h.asked[id]++
	h.mu.Unlock()
	if again {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.answered[b.Name] = time.Now()
	}()
	b.answer(w, r)
}

// Answered returns when a bot had answered; of the one that is too late, when nobody waited
// any more. The zero time: it was not asked.
func (h *Handler) Answered(name string) time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answered[name]
}
