package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Admission is what Mount.Admit says of a request.
type Admission struct {
	Route   string        // for the access log: the template of one of Mount.Routes
	Handler http.Handler  // nil: a stranger, who gets Mount.Stranger
	Request *http.Request // for the handler
	Who     Identity
	MaxBody int64 // 0: as Options say
	// Unproven says that only the body shows whether the caller may: the handler calls
	// [Disown] for one that may not. Until then what is refused, but for overload, has the
	// answer for strangers. With a stranger it says that its body is read all the same, so
	// that it cannot tell whether there is somebody whose body would be read.
	Unproven bool
}

// entry is a request that Mount.Admit has let in, or a stranger whose body is read.
type entry struct {
	Admission
	mount    *Mount
	stranger bool // it gets the answer for strangers
}

// mountOf returns the mount that decides before the router about a request, and the path
// without the base; nil: the router decides. Another host is refused later, see ownHost.
func (h *Handler) mountOf(r *http.Request) (*Mount, string) {
	path := r.URL.Path
	if base := h.o.BasePath; base != "" {
		var ok bool
		if path, ok = cutBase(path, base); !ok {
			return nil, ""
		}
	}
	for i := range h.mounts {
		if m := &h.mounts[i]; m.Admit != nil && m.owns(path) {
			if h.o.NoAuth && !h.isOwn(r.Host) {
				return nil, ""
			}
			return m, path
		}
	}
	return nil, ""
}

// admit serves a request whose mount decides about it before the router.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request, m *Mount, path string) {
	e := &entry{Admission: m.Admit(r, path), mount: m}
	if e.Handler == nil && !e.Unproven {
		h.turnAway(w, r, e)
		return
	}
	if e.Request == nil {
		e.Request = r
	}
	q := h.newRequest(r)
	q.entry, q.maxBody, q.refused = e, e.MaxBody, m.Refused
	if e.Handler != nil {
		q.who = e.Who
	}
	h.serve.ServeHTTP(w, e.Request.WithContext(context.WithValue(e.Request.Context(), requestKey{}, q)))
}

// enter serves a request that was let in, and answers it if it is of a stranger, after all:
// its slot and the memory of its body are free by then.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request, q *request) {
	e := q.entry
	q.route = e.Route
	switch {
	case e.Handler == nil:
		h.readAsHook(r, e)
	case e.Unproven: // no browser adds a signature by itself
		h.limitBody(h.arrive(h.bound(e.Handler))).ServeHTTP(w, r)
	default:
		h.sameOrigin(h.ofMethods(e, h.limitBody(h.arrive(h.bound(e.Handler))))).ServeHTTP(w, r)
	}
	if !e.stranger {
		return
	}
	q.who = Identity{}
	h.turnDown(w, r, networkOf(q.addr), func(w http.ResponseWriter) {
		h.linger(w, r)
		e.mount.Stranger.write(w, r)
	})
}

// ofMethods refuses methods that the route of a request does not have.
func (h *Handler) ofMethods(e *entry, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		has := func(route Route) bool { return route.Path == e.Route && route.Method == r.Method }
		if slices.ContainsFunc(e.mount.Routes, has) {
			next.ServeHTTP(w, r)
			return
		}
		var methods []string
		for _, route := range e.mount.Routes {
			if route.Path == e.Route {
				methods = append(methods, route.Method)
			}
		}
		h.refuseMethod(w, r, methods)
	})
}

// readAsHook reads the body of a stranger as that of an unproven caller is read, but for the
// memory: strangers have none. Of those whose body is read now there are as many as may
// wait; the body of one more is not read.
func (h *Handler) readAsHook(r *http.Request, e *entry) {
	e.stranger = true
	q := requestOf(r.Context())
	leave, ok := h.live.strangers.enter(networkOf(q.addr))
	if !ok {
		return
	}
	defer leave()
	if r.ContentLength == 0 || r.ContentLength > h.maxBody(r) {
		return
	}
	awaiting(r.Context(), true)
	mac := hmac.New(sha256.New, e.mount.Stranger.body) // takes as long as the comparison of a signature
	_, _ = io.Copy(mac, io.LimitReader(r.Body, h.maxBody(r)+1))
	awaiting(r.Context(), false)
}

// Disown says that a caller may not, after all: its body has shown that it is not who
// Mount.Admit took it for. The handler writes nothing; the answer is that for strangers.
func Disown(ctx context.Context) {
	if e := requestOf(ctx).entry; e != nil {
		e.stranger = true
	}
}

// turnAway answers a stranger. It does as little as it can, as anybody can send any number
// of such requests: no path is looked up, no field for the log made that is not written.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, e *entry) {
	start, addr := time.Now(), h.clientAddress(r)
	h.o.Observer.Began()
	header := w.Header()
	id := h.setIDs(header, r)
	n := 0
	h.turnDown(w, r, networkOf(addr), func(w http.ResponseWriter) {
		c := http.NewResponseController(w)
		// An error of a deadline is that of a recorder in a test, or of a closed connection.
		if r.Body != http.NoBody {
			_ = c.SetReadDeadline(time.Now().Add(min(lingerTimeout, h.o.BodyTimeout)))
		}
		_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
		n = e.mount.Stranger.write(w, r)
	})
	h.logStranger(r, e.Route, http.StatusUnauthorized, n, id, addr, time.Since(start))
}

// logStranger logs a request that was refused before the router.
func (h *Handler) logStranger(r *http.Request, route string, status, n int, id string, addr netip.Addr, took time.Duration) {
	h.o.Observer.Ended(route, status, took)
	if h.o.OnRequest != nil {
		h.o.OnRequest(Request{"", r.Method, route, status, took})
	}
	if key := route + " " + strconv.Itoa(status); !h.repeats.Repeated(h.o.Log, zapcore.InfoLevel, key) {
		h.repeats.Log(h.o.Log, zapcore.InfoLevel, key, "request", zap.String("method", r.Method), zap.String("route", route), zap.Int("status", status),
			zap.Int64("bytes", int64(n)), zap.Duration("duration", took), zap.String("request_id", id), zap.String("token", ""), zap.Stringer("client", addr))
	}
}

// Stranger is an answer that does not depend on the request: 401 with a problem document.
type Stranger struct {
	body          []byte
	media, length []string // headers
}

// NewStranger returns the answer with a text and members, see Fault.
func NewStranger(text string, members map[string]any) *Stranger {
	f := &Fault{Status: http.StatusUnauthorized, Text: text, Members: members}
	body := f.Problem(context.Background())
	return &Stranger{body, []string{ProblemType}, []string{strconv.Itoa(len(body))}}
}

func (s *Stranger) write(w http.ResponseWriter, r *http.Request) int {
	header := w.Header()
	header["Content-Type"], header["Content-Length"], header["Www-Authenticate"] = s.media, s.length, challenges(r)
	w.WriteHeader(http.StatusUnauthorized)
	n, _ := w.Write(s.body) // an error means that the caller has gone
	return n
}
