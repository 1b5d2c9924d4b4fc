package hooks

import (
	"errors"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/hook"
	"stanzahook/pkg/jid"
)

// serve serves a request of a tool.
//
// Killed before the answer: the tool has none, and repeats. What it repeats has the same
// id, if the tool sends one; then the messages have the same ids as those that may have
// gone. Killed after it: the XMPP server has the messages, or they are on our disk.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	m := matchOf(r.Context())
	body, f := httpapi.ReadBody(w, r)
	if f != nil {
		httpapi.WriteProblem(w, r, f)
		return
	}
	q := &hook.Request{Method: r.Method, Path: m.rest, Header: r.Header, Query: r.URL.Query(), Body: body, Time: time.Now()}
	if err := m.Verify.Verify(q); err != nil {
		httpapi.Disown(r.Context())
		return
	}
	httpapi.Prove(r.Context())
	a := h.handle(r, m, q)
	h.note(r, m, a)
	write(w, r, m, q, a)
}

// note counts what became of a request.
func (h *handler) note(r *http.Request, m *match, a *outcome) {
	kept := m.status.note(a, share(len(h.Hooks)))
	if h.OnRequest != nil {
		h.OnRequest(m.Hook, kept)
	}
	if a.failed() {
		h.warn(r, m, a.status, a.text)
	}
}

func (h *handler) warn(r *http.Request, m *match, status int, reason string) {
	h.repeats.Warn(h.Log, "hook request refused", zap.String("hook", m.Name), zap.Int("status", status), zap.String("reason", reason), zap.String("request_id", httpapi.RequestID(r.Context())))
}

// refused is Mount.Refused: a request without a slot, or whose body is not taken. Too many at
// once are 503: Alertmanager repeats only after 5xx. Without a secret, which is known before
// the body is, anybody can send what is refused: then only that there are too many counts, as
// others of the tool are refused as well.
func (h *handler) refused(r *http.Request, f *httpapi.Fault) {
	m := matchOf(r.Context())
	if m == nil { // the handler has panicked: the fault is ours
		return
	}
	if f.Status == http.StatusTooManyRequests {
		f.Status = http.StatusServiceUnavailable
	}
	switch {
	case len(m.Hashes) > 0:
		h.note(r, m, &outcome{status: f.Status, text: f.Text, retryAfter: f.RetryAfter})
	case f.Status == http.StatusServiceUnavailable:
		h.Statuses.Fail(m.Name, http.StatusText(f.Status)+": "+f.Text)
		h.warn(r, m, f.Status, f.Text)
	}
}

// outcome is what became of a request.
type outcome struct {
	status     int    // of HTTP: 202, or that of a failure
	reason     string // the word of Slack for a failure
	text       string // what is wrong
	retryAfter int

	id       string
	messages []sentMessage
	notice   hook.Notice
	repeated bool // it was answered before; nothing was sent
}

// sentMessage is what became of one message.
type sentMessage struct {
	To    string `json:"to"`
	ID    string `json:"id"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

func (o *outcome) failed() bool { return o.status >= 400 }

// text0 is the first text of the request; empty: it has none.
func (o *outcome) text0() string {
	if len(o.notice.Texts) == 0 {
		return ""
	}
	return o.notice.Texts[0].Body
}

func refuse(status int, reason, text string) *outcome {
	return &outcome{status: status, reason: reason, text: text}
}

// handle reads a request that is authenticated, and sends what it says.
func (h *handler) handle(r *http.Request, m *match, q *hook.Request) *outcome {
	if m.MaxBody > 0 && int64(len(q.Body)) > m.MaxBody { // only one that was unproven can have as much
		return refuse(http.StatusRequestEntityTooLarge, "invalid_payload", "the body is larger than max_body of this hook")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodGet {
		return refuse(http.StatusMethodNotAllowed, "invalid_payload", "use POST or PUT here")
	}
	if r.Method == http.MethodGet && !m.Get {
		return refuse(http.StatusMethodNotAllowed, "invalid_payload", "this hook does not take GET; use POST, or write get: true")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return refuse(http.StatusUnsupportedMediaType, "invalid_payload", "Content-Encoding is not supported; send the body without one")
	}
	if m.limit != nil {
		if wait := m.limit.Reserve(); wait.Delay() > 0 {
			after := int(math.Ceil(wait.Delay().Seconds()))
			wait.Cancel()
			// Not 429: Alertmanager repeats only after 5xx.
			return &outcome{status: http.StatusServiceUnavailable, reason: "rate_limited", text: "too many requests for this hook; wait as long as Retry-After says (rate_limit)", retryAfter: after}
		}
	}
	n, err := m.Reader.Read(q)
	switch {
	case errors.Is(err, hook.ErrNoText):
		return refuse(http.StatusBadRequest, "no_text", err.Error())
	case err != nil:
		return refuse(http.StatusBadRequest, "invalid_payload", err.Error())
	}
	to, f := m.recipients(n, q)
	if f != nil {
		return f
	}
	for _, t := range n.Texts {
		if t.Cut != nil {
			h.repeats.Warn(h.Log, "text of hook cut", zap.String("hook", m.Name), zap.Error(t.Cut), zap.String("hint", "see its template"))
		}
	}
	if len(n.Texts) == 0 {
		return &outcome{status: http.StatusAccepted, notice: n}
	}
	return h.once(r.Context(), m, n, to)
}

// recipients are those of a request. A target that is not listed is refused, never guessed.
// A hook without targets ignores the channel or topic that a tool needs to be given.
func (m *match) recipients(n hook.Notice, q *hook.Request) ([]jid.JID, *outcome) {
	name := n.Target
	if name == "" && m.Adapter != "gotify" && m.Adapter != "ntfy" {
		name, _, _ = strings.Cut(q.Path, "/")
	}
	if name = strings.ToLower(strings.TrimLeft(name, "#@")); len(m.Targets) == 0 || name == "" {
		if len(m.To) == 0 {
			return nil, refuse(http.StatusNotFound, "channel_not_found", "this hook needs one of its targets: a channel, a topic, or the last element of the path")
		}
		return m.To, nil
	}
	to, ok := m.Targets[name]
	if !ok {
		return nil, refuse(http.StatusNotFound, "channel_not_found", "this hook has no target of this name")
	}
	return []jid.JID{to}, nil
}

// newID returns an id for messages; timeOf reads when it was made.
func (h *handler) newID(m *match) string {
	if m.api != nil {
		return h.Statuses.slackID()
	}
	return ulid.Make().String()
}

func timeOf(id string) (time.Time, bool) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}, false
	}
	return ulid.Time(u.Time()), true
}
