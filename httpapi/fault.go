package httpapi

import (
	"net/http"
	"strconv"
)

// Fault is why a request is refused. Each mount writes it in its own format.
type Fault struct {
	Status     int
	Text       string // for people: what is wrong and what to do
	RetryAfter int    // seconds; 0: not said
	// Members are more members of the problem document (RFC 9457 section 3.2),
	// by names that it does not have itself.
	Members map[string]any
}

// Error implements error.
func (f *Fault) Error() string { return f.Text }

// StatusGone is the status in the access log of a request whose caller has gone.
const StatusGone = 499

// setRetryAfter sets the header of RFC 9110 section 10.2.3.
func (f *Fault) setRetryAfter(h http.Header) {
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
}

// refuse writes a fault in the format of the mount that the path belongs to. A caller that nobody
// knows gets it when it is its turn, see strangers.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, f *Fault) {
	q := requestOf(r.Context())
	if q.refused != nil {
		q.refused(r, f)
	}
	if e := q.entry; e != nil && e.Unproven && f.Status < http.StatusInternalServerError {
		e.stranger = true // answered by enter
		return
	}
	// The fault of a server is not the caller's; whom another process serves, that one knows.
	if q.who.Name == "" && !q.elsewhere && f.Status < http.StatusInternalServerError {
		h.turnDown(w, r, networkOf(q.addr), func(w http.ResponseWriter) { h.writeFault(w, r, f) })
		return
	}
	h.writeFault(w, r, f)
}

func (h *Handler) writeFault(w http.ResponseWriter, r *http.Request, f *Fault) {
	h.linger(w, r)
	f.setRetryAfter(w.Header())
	for i := range h.mounts {
		if m := &h.mounts[i]; m.Fail != nil && m.owns(r.URL.Path) {
			m.Fail(w, r, f)
			return
		}
	}
	WriteProblem(w, r, f)
}
