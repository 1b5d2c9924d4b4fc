package hook

import (
	"net/http"
	"unicode/utf8"
)

// anyText reads a text: the body is what is told, or, if the hook takes GET, msg in the
// query.
func anyText() adapter {
	return adapter{read: func(_ *Hook, r *Request) (reading, error) {
		if !utf8.Valid(r.Body) {
			return reading{}, unreadable("the body is not UTF-8")
		}
		body := string(r.Body)
		if r.Method == http.MethodGet {
			body = r.Query.Get("msg")
		}
		return reading{once: r.header("Idempotency-Key", "Webhook-Id"), parts: []part{{data: map[string]any{"text": body}, text: body}}}, nil
	}}
}
