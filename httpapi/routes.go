package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Mount is one API: routes under a prefix.
type Mount struct {
	Prefix string // such as "/rest", without a final slash
	Routes []Route
	// Challenge answers wrong credentials with 401 and WWW-Authenticate (RFC 9110
	// section 15.5.2); else with 403, as the modules of Prosody do.
	Challenge bool
	// Fail writes the refusals under the prefix; nil: as problem+json.
	Fail func(w http.ResponseWriter, r *http.Request, f *Fault)
	// Basic checks Basic credentials that are not the name of a token and the token;
	// known is false for those of others. Nil knows none.
	Basic func(r *http.Request, user, password string) (who Identity, f *Fault, known bool)
	// Limits says that Basic limits guessing itself; else the handler does.
	Limits bool
	// Admit decides in place of tokens, Basic and the router, for callers that show something
	// else, whatever the path under the prefix is; path is that without the base. Such
	// callers have no rate of Options.Rate. Nil: tokens and Basic count.
	Admit func(r *http.Request, path string) Admission
	// Stranger is the answer to those that Admit does not know.
	Stranger *Stranger
	// Refused, which may be nil, is told of a request that Admit has let in and that is
	// refused before its handler: its body, or too many at once. It may change the fault.
	Refused func(known *http.Request, f *Fault)
	// Known reports whether a caller that Basic has authenticated may still call. Nil
	// knows none.
	Known func(name string) bool
}

// Route is one operation. Its handler runs authenticated: see IdentityOf.
type Route struct {
	Method  string
	Path    string // a template of gorilla/mux, the prefix included
	Handler http.Handler
	// Stream returns how large the body of a request may be that the handler reads itself as it
	// comes, see [StreamOf]; 0, or nil: it is read before, up to Options.MaxBodyBytes.
	Stream func(*http.Request) int64
	// MaxBody is how large the body may be that is read before, if not Options.MaxBodyBytes; a
	// larger one of the options counts.
	MaxBody int64
}

func (m *Mount) owns(path string) bool {
	rest, ok := strings.CutPrefix(path, m.Prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// routes returns the router. It does not clean paths: a redirect would turn a POST into a
// GET, and a JID in a path may look unclean.
func (h *Handler) routes() http.Handler {
	router := mux.NewRouter().SkipClean(true)
	var methods []string
	add := func(route Route) {
		router.Handle(route.Path, named(route.Path, route.Handler)).Methods(route.Method)
		if !slices.Contains(methods, route.Method) {
			methods = append(methods, route.Method)
		}
	}
	h.open = mux.NewRouter().SkipClean(true)
	open := func(route Route) {
		add(route)
		h.open.Handle(route.Path, route.Handler).Methods(route.Method)
		begin, _, _ := strings.Cut(route.Path, "{")
		h.openFrom = append(h.openFrom, begin)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		open(Route{Method: method, Path: "/healthz", Handler: http.HandlerFunc(h.healthz)})
		open(Route{Method: method, Path: "/readyz", Handler: http.HandlerFunc(h.readyz)})
	}
	for _, route := range h.o.Open {
		open(route)
	}
	for _, m := range h.mounts {
		if m.Admit != nil {
			continue
		}
		for _, route := range m.Routes {
			body := h.limitBody(h.arrive(h.bound(route.Handler)))
			if most := route.MaxBody; most > h.o.MaxBodyBytes {
				limited := body
				body = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					requestOf(r.Context()).maxBody = most
					limited.ServeHTTP(w, r)
				})
			}
			if route.Stream != nil {
				body = h.streamed(route.Stream, h.bound(route.Handler), body)
			}
			route.Handler = h.sameOrigin(h.authenticate(&m, h.limitRate(body)))
			add(route)
		}
	}
	if h.o.Elsewhere != nil {
		elsewhere := named("elsewhere", h.countCaller(h.keepBody(h.bound(h.o.Elsewhere))))
		router.NotFoundHandler, router.MethodNotAllowedHandler = elsewhere, elsewhere
		return router
	}
	slices.Sort(methods)
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.refuse(w, r, nothingHere())
	})
	router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.refuseMethod(w, r, allowed(router, methods, r))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if q := requestOf(r.Context()); q.entry != nil {
			h.enter(w, r, q)
			return
		}
		router.ServeHTTP(w, r)
	})
}

func nothingHere() *Fault {
	return &Fault{Status: http.StatusNotFound, Text: "there is nothing at this path"}
}

// Within returns a handler of the routes of a mount for what a request of this server does
// itself: requests with its context, which count as its caller, and for its slot.
func Within(m Mount) http.Handler {
	router := mux.NewRouter().SkipClean(true)
	for _, route := range m.Routes {
		serve := route.Handler
		if route.Stream != nil {
			serve = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if route.Stream(r) != 0 {
					r.Body = &Streamed{body: r.Body, control: http.NewResponseController(w), ended: func() {}}
				}
				route.Handler.ServeHTTP(w, r)
			})
		}
		router.Handle(route.Path, serve).Methods(route.Method)
	}
	return router
}

// refuseMethod refuses a method at a path that has others (RFC 9110 section 15.5.6).
func (h *Handler) refuseMethod(w http.ResponseWriter, r *http.Request, methods []string) {
	allow := strings.Join(methods, ", ")
	w.Header().Set("Allow", allow)
	h.refuse(w, r, &Fault{Status: http.StatusMethodNotAllowed, Text: "use " + allow + " here"})
}

// allowed returns the methods that match a path.
func allowed(router *mux.Router, methods []string, r *http.Request) []string {
	var out []string
	for _, m := range methods {
		try := *r
		try.Method = m
		var match mux.RouteMatch
		if router.Match(&try, &match) && match.MatchErr == nil {
			out = append(out, m)
		}
	}
	return out
}
