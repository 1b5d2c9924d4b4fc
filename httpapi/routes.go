package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/mux"
)

// Mount is one surface of the API: routes under a prefix.
type Mount struct {
	Prefix string // such as "/rest", without a final slash
	Routes []Route
	// Challenge makes credentials that are not accepted 401 with WWW-Authenticate
	// (RFC 9110 section 15.5.2). Without it they are 403, as in the modules.
	Challenge bool
	// Fail writes refusals for paths under the prefix; nil writes problem+json.
	Fail func(w http.ResponseWriter, r *http.Request, f *Fault)
	// Basic judges Basic credentials that are no token's name and token; known
	// is false for those it has nothing to do with. Nil knows none.
	Basic func(r *http.Request, user, password string) (who Identity, f *Fault, known bool)
	// Limits says that Basic limits guessing itself; else the server does.
	Limits bool
	// Known says whether who was let in by Basic under a name may still call. Nil
	// knows nobody.
	Known func(name string) bool
}

// Route is one operation. Its handler runs authenticated: see IdentityOf.
type Route struct {
	Method  string
	Path    string // a template of gorilla/mux, the prefix included
	Handler http.Handler
}

func (m *Mount) owns(path string) bool {
	rest, ok := strings.CutPrefix(path, m.Prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// routes builds the router. It cleans no paths: a redirect would turn a POST
// into a GET, and a JID in a path may hold what looks unclean.
func (s *Server) routes() http.Handler {
	router := mux.NewRouter().SkipClean(true)
	var methods []string
	add := func(route Route) {
		router.Handle(route.Path, named(route.Path, route.Handler)).Methods(route.Method)
		if !slices.Contains(methods, route.Method) {
			methods = append(methods, route.Method)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		add(Route{method, "/healthz", http.HandlerFunc(s.healthz)})
		add(Route{method, "/readyz", http.HandlerFunc(s.readyz)})
	}
	for _, route := range s.o.Open {
		add(route)
	}
	for _, m := range s.mounts {
		for _, route := range m.Routes {
			route.Handler = s.sameOrigin(s.authenticate(&m, s.limitRate(s.limitBody(s.arrive(s.bound(route.Handler))))))
			add(route)
		}
	}
	slices.Sort(methods)
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, &Fault{Status: http.StatusNotFound, Text: "there is nothing at this path"})
	})
	router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allow := strings.Join(allowed(router, methods, r), ", ")
		w.Header().Set("Allow", allow) // RFC 9110 section 15.5.6
		s.refuse(w, r, &Fault{Status: http.StatusMethodNotAllowed, Text: "use " + allow + " here"})
	})
	return router
}

// allowed asks the router which methods would have matched.
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
