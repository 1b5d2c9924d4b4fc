package httpapi

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"strings"

	"stanzahook/pkg/tracing"
)

// requestKey is the context key of *request.
type requestKey struct{}

// request is the state of a request. The steps fill it in, and the access log reads it;
// all on the goroutine of the request.
type request struct {
	id    string
	route string // the template of the path
	base  string // of every path
	addr  netip.Addr
	who   Identity
	trace string // the only Traceparent; empty: none
	live  *live
	place *place // nil: it has none yet

	maxBody int64                       // of this request; 0: Options.MaxBodyBytes
	refused func(*http.Request, *Fault) // Mount.Refused, once Admit has let it in
	entry   *entry                      // of Mount.Admit; nil: the router decides

	elsewhere bool // it is for Options.Elsewhere
}

func requestOf(ctx context.Context) *request {
	if q, ok := ctx.Value(requestKey{}).(*request); ok {
		return q
	}
	return &request{}
}

// RequestID returns the id of a request in the log and in X-Request-Id.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// Parent returns the span of the caller that a request was made in; zero if there is none
// (W3C Trace Context).
func Parent(ctx context.Context) tracing.Context { return tracing.Parse(requestOf(ctx).trace) }

// identify gives each request its id: that of the caller, so that its log and ours can be
// compared, or a random one.
func (h *Handler) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, ok := r.Context().Value(requestKey{}).(*request)
		if !ok {
			q = h.newRequest(r)
			r = r.WithContext(context.WithValue(r.Context(), requestKey{}, q))
		}
		q.id = h.setIDs(w.Header(), r)
		next.ServeHTTP(w, r)
	})
}

func (h *Handler) newRequest(r *http.Request) *request {
	q := &request{addr: h.clientAddress(r), base: h.o.BasePath, live: h.live}
	if parents := r.Header[tracing.Header]; len(parents) == 1 {
		q.trace = parents[0]
	}
	return q
}

// setIDs writes the id of a request, and who we are.
func (h *Handler) setIDs(header http.Header, r *http.Request) (id string) {
	if id = r.Header.Get("X-Request-Id"); !saneID(id) {
		id = rand.Text()
	}
	header["X-Request-Id"] = []string{id}
	if h.server != nil {
		header["Server"] = h.server
	}
	if h.replica != nil {
		header["Stanzahook-Replica"] = h.replica
	}
	return id
}

func saneID(id string) bool {
	return id != "" && len(id) <= 128 && strings.IndexFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) < 0
}

// named records the route for the access log. The path itself is not logged, as it may
// have addresses of people.
func named(template string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestOf(r.Context()).route = template
		next.ServeHTTP(w, r)
	})
}
