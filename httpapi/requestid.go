package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"
)

// requestKey is the context key of *request.
type requestKey struct{}

// request is what is known of a request. The steps fill it in, the access log
// reads it; all of that happens on the request's goroutine.
type request struct {
	id    string
	route string // the template of the path
	base  string // of every path
	addr  netip.Addr
	who   Identity
	live  *live
}

func requestOf(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{}
}

// RequestID returns the id that the request has in the logs and in the answer's
// X-Request-Id.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// identify gives each request its id: the caller's, so that his logs and ours
// can be laid side by side, or a random one.
func (s *Server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{id: r.Header.Get("X-Request-Id"), addr: s.clientAddress(r), base: s.o.BasePath, live: s.live}
		if !saneID(q.id) {
			q.id = rand.Text()
		}
		w.Header().Set("X-Request-Id", q.id)
		if s.o.Version != "" {
			w.Header().Set("Server", "stanzahook/"+s.o.Version)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, q)))
	})
}

func saneID(id string) bool {
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// named notes the route for the access log. The path itself is not logged: it
// may hold addresses of people.
func named(template string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestOf(r.Context()).route = template
		next.ServeHTTP(w, r)
	})
}
