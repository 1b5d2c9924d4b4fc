package postmsg

import (
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"stanzahook/httpapi"
)

// maxText bounds texts, which may quote the request.
const maxText = 1000

// fail writes a refusal: one line of text, or a problem (RFC 9457).
func fail(w http.ResponseWriter, r *http.Request, f *httpapi.Fault) {
	short := *f
	short.Text = strings.Map(func(c rune) rune { // a bounce quotes its recipient
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, short.Text)
	if len(short.Text) > maxText {
		short.Text = short.Text[:maxText]
		for !utf8.ValidString(short.Text) {
			short.Text = short.Text[:len(short.Text)-1]
		}
		short.Text += "…"
	}
	if wantsJSON(r.Header) {
		httpapi.WriteProblem(w, r, &short)
		return
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff") // texts quote the request
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, short.Text+"\n") // an error means that the caller has gone
}

// wantsJSON reports whether the caller prefers JSON to plain text (RFC 9110 section
// 12.5.1). Of two with the same q the named one wins, then the one named first.
func wantsJSON(h http.Header) bool {
	var text, json float64
	named, first := false, false
	for item := range strings.SplitSeq(strings.Join(h.Values("Accept"), ","), ",") {
		name, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		q := 1.0
		if p, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(p, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		switch name {
		case "application/json", "application/problem+json":
			json = max(json, q)
			first = first || !named
		case "text/plain", "text/*":
			text, named = max(text, q), true
		}
	}
	return json > 0 && (json > text || json == text && first)
}
