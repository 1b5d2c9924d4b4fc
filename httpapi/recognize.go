package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
)

// refusal is how a request is refused whose head alone shows that nobody knows its caller.
type refusal struct {
	route  string // for the access log
	status int
	write  func(http.ResponseWriter, *http.Request)
}

// recognize returns the refusal of a request of which nothing but the head was read; nil: its caller
// may be somebody, or the rest of it is needed to tell.
func (h *Handler) recognize(r *http.Request) *refusal {
	if h.o.Elsewhere != nil || !strings.HasPrefix(r.URL.Path, "/") {
		return nil
	}
	if m, path := h.mountOf(r); m != nil {
		a := m.Admit(r, path)
		if a.Handler != nil || a.Unproven {
			return nil
		}
		return &refusal{a.Route, http.StatusUnauthorized, func(w http.ResponseWriter, r *http.Request) { m.Stranger.write(w, r) }}
	}
	if h.o.NoAuth {
		return nil
	}
	m, f, at := h.unknown(r)
	if f == nil {
		return nil
	}
	if m != nil {
		m.settle(f)
	}
	return &refusal{"none", f.Status, func(w http.ResponseWriter, r *http.Request) {
		if m != nil {
			m.challenge(w.Header(), r, f)
		}
		h.writeFault(w, at.WithContext(r.Context()), f)
	}}
}

// unknown returns why a request is refused that no mount decides about itself, the mount that refuses
// it, nil if there is none, and the request below the base path. Without a fault nothing is known yet:
// the path may be open, or the credentials right.
func (h *Handler) unknown(r *http.Request) (m *Mount, f *Fault, at *http.Request) {
	if base := h.o.BasePath; base != "" {
		short := *r
		url := *r.URL
		short.URL = &url
		var ok bool
		if url.Path, ok = cutBase(url.Path, base); !ok {
			return nil, notUnder(base), r
		}
		r = &short
	}
	var match mux.RouteMatch
	mayBeOpen := slices.ContainsFunc(h.openFrom, func(begin string) bool { return strings.HasPrefix(r.URL.Path, begin) })
	if mayBeOpen && (h.open.Match(r, &match) || errors.Is(match.MatchErr, mux.ErrMethodMismatch)) {
		return nil, nil, r
	}
	for i := range h.mounts {
		if of := &h.mounts[i]; of.Admit == nil && of.owns(r.URL.Path) && (m == nil || len(of.Prefix) > len(m.Prefix)) {
			m = of
		}
	}
	if m == nil {
		return nil, nothingHere(), r
	}
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		name, token, f := credentials(headers)
		if f == nil && (name != "" || h.find("", token) != nil) {
			return nil, nil, r // a password takes time to be checked
		}
	}
	_, f = h.who(r, m)
	return m, f, r
}

// putAside takes over the connection of a stranger, whose request nobody serves: it is answered when it
// is the stranger's turn, or late (see tarpit), and closed. If the other side has gone there
// is no answer, but the turn is taken.
func (h *Handler) putAside(c net.Conn, r *http.Request, why *refusal, gone bool) {
	start, addr := time.Now(), h.clientAddress(r)
	h.o.Observer.Began()
	var one *lateConnection
	id, size := "", 0
	if !gone {
		one = &lateConnection{Conn: c}
		one.answer, id = h.late(r, why)
		size = len(one.answer)
	}
	wait, ok := h.live.strangers.turn(networkOf(addr), one)
	switch {
	case gone:
		_ = c.Close()
	case wait != nil:
	case !ok && h.live.tarpit.reserve():
		h.live.tarpit.put(*one)
	default:
		_, _ = c.Write(one.answer) // an error means that the caller has gone
		_ = c.Close()
	}
	h.logStranger(r, why.route, why.status, size, id, addr, time.Since(start))
}

// late returns the text of a refusal, with the end of the connection.
func (h *Handler) late(r *http.Request, why *refusal) (text []byte, id string) {
	q := h.newRequest(r)
	answer := &lateAnswer{header: make(http.Header), status: http.StatusOK}
	q.id = h.setIDs(answer.header, r)
	why.write(answer, r.WithContext(context.WithValue(r.Context(), requestKey{}, q)))
	return h.live.tarpit.text(answer, r), q.id
}
