package hooks

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"stanzahook/httpapi"
	"stanzahook/pkg/hook"
)

// write answers a request as its tool expects.
func write(w http.ResponseWriter, r *http.Request, m *match, q *hook.Request, o *outcome) {
	if o.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(o.retryAfter))
	}
	if o.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "POST, PUT")
	}
	if o.repeated {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	switch {
	case m.api != nil:
		writeSlackAPI(w, m.api, o)
	case m.Adapter == "slack" || m.Adapter == "mattermost":
		writeSlack(w, o)
	case m.Adapter == "discord":
		writeDiscord(w, r, o)
	case m.Adapter == "ntfy":
		writeNtfy(w, q, o)
	case m.Adapter == "gotify":
		writeGotify(w, m, o)
	case o.failed():
		httpapi.WriteProblem(w, r, &httpapi.Fault{Status: o.status, Text: o.text, RetryAfter: o.retryAfter})
	case len(o.messages) == 0:
		w.WriteHeader(http.StatusNoContent)
	default:
		httpapi.WriteJSON(w, http.StatusAccepted, struct {
			ID       string        `json:"id"`
			Messages []sentMessage `json:"messages"`
		}{o.id, o.messages})
	}
}

// writeSlack answers as an incoming webhook of Slack does: a word.
func writeSlack(w http.ResponseWriter, o *outcome) {
	if o.failed() {
		httpapi.WriteBody(w, o.status, "text/plain; charset=utf-8", []byte(o.reason))
		return
	}
	httpapi.WriteBody(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok"))
}

func writeDiscord(w http.ResponseWriter, r *http.Request, o *outcome) {
	switch {
	case o.reason == "no_text":
		httpapi.WriteJSON(w, o.status, map[string]any{"message": "Cannot send an empty message", "code": 50006})
	case o.failed():
		httpapi.WriteJSON(w, o.status, map[string]any{"message": o.text, "code": 0})
	case r.URL.Query().Get("wait") == "true":
		httpapi.WriteJSON(w, http.StatusOK, map[string]any{"id": o.id})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// writeNtfy answers as ntfy does; its codes begin with the status.
func writeNtfy(w http.ResponseWriter, q *hook.Request, o *outcome) {
	if o.failed() {
		if o.status == http.StatusNotFound { // the topic is not one of the targets
			o.status = http.StatusForbidden
		}
		httpapi.WriteJSON(w, o.status, map[string]any{"code": o.status*100 + 1, "http": o.status, "error": o.text})
		return
	}
	topic := o.notice.Target
	httpapi.WriteJSON(w, http.StatusOK, map[string]any{"id": o.id, "time": q.Time.Unix(), "expires": q.Time.Add(12 * time.Hour).Unix(), "event": "message", "topic": topic, "message": o.text0()})
}

// writeGotify answers as Gotify does: a message without a title has the name of its application.
func writeGotify(w http.ResponseWriter, m *match, o *outcome) {
	if o.failed() {
		httpapi.WriteJSON(w, o.status, map[string]any{"error": http.StatusText(o.status), "errorCode": o.status, "errorDescription": o.text})
		return
	}
	said := o.notice.Said
	httpapi.WriteJSON(w, http.StatusOK, map[string]any{
		"id": time.Now().UnixMilli() % 1_000_000_000, "appid": 1, "message": said.Message, "title": cmp.Or(said.Title, m.Name), "priority": int64(max(-1e9, min(1e9, said.Priority))), "date": time.Now().UTC().Format(time.RFC3339),
	})
}
