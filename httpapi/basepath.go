package httpapi

import (
	"net/http"
	"net/url"
	"strings"
)

// underBase takes the base path off, so that nobody behind has to know of it.
func (s *Server) underBase(next http.Handler) http.Handler {
	base := s.o.BasePath
	if base == "" {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := cutBase(r.URL.Path, base)
		raw, okRaw := cutBase(r.URL.RawPath, base)
		if !ok || r.URL.RawPath != "" && !okRaw {
			s.refuse(w, r, &Fault{Status: http.StatusNotFound, Text: "there is nothing at this path; all of them begin with " + base})
			return
		}
		short := *r
		short.URL = new(url.URL)
		*short.URL = *r.URL
		short.URL.Path, short.URL.RawPath = path, raw
		next.ServeHTTP(w, &short)
	})
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
