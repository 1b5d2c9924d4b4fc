package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// Location returns the path of a route, such as "/v1/status", with the base path, for the
// header Location of the answer to the request with this context.
func Location(ctx context.Context, path string) string { return requestOf(ctx).base + path }

// underBase removes the base path from requests.
func (h *Handler) underBase(next http.Handler) http.Handler {
	base := h.o.BasePath
	if base == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := cutBase(r.URL.Path, base)
		raw, okRaw := cutBase(r.URL.RawPath, base)
		if !ok || r.URL.RawPath != "" && !okRaw {
			h.refuse(w, r, notUnder(base))
			return
		}
		short := *r
		short.URL = new(url.URL)
		*short.URL = *r.URL
		short.URL.Path, short.URL.RawPath = path, raw
		next.ServeHTTP(w, &short)
	})
}

func notUnder(base string) *Fault {
	return &Fault{Status: http.StatusNotFound, Text: "there is nothing at this path; all of them begin with " + base}
}

func cutBase(path, base string) (string, bool) {
	rest, ok := strings.CutPrefix(path, base)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	if rest == "" {
		rest = "/"
	}
	return rest, true
}
