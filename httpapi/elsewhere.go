package httpapi

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// countCaller says whom a request counts for that another process serves, and judges: a token
// that is known here, else the address.
func (h *Handler) countCaller(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := requestOf(r.Context())
		q.elsewhere = true
		if headers := r.Header.Values("Authorization"); len(headers) > 0 {
			if name, token, f := credentials(headers); f == nil {
				if t := h.find(name, token); t != nil {
					q.who = t.identity()
				}
			}
		}
		next.ServeHTTP(w, r)
	})
}

// keepBody reads a body before its request takes a slot, as arrive does, so that it can be sent
// again. How large it may be, the process says that serves it: what is larger than
// Options.MaxBodyBytes is passed on as it comes.
func (h *Handler) keepBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		var data []byte
		if r.ContentLength <= h.o.MaxBodyBytes {
			var held int64
			of := h.live.slots.bounds(requestOf(r.Context()))
			defer func() { h.live.bodies.give(of, held) }()
			awaiting(r.Context(), true)
			var whole bool
			var f *Fault
			data, whole, f = h.readUpTo(r, of, &held, h.o.MaxBodyBytes+1)
			awaiting(r.Context(), false)
			if f != nil {
				h.refuse(w, r, f)
				return
			}
			if whole {
				_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // as in arrive
				body := &arrived{data: data}
				body.Reset(data)
				r.Body, r.ContentLength, r.TransferEncoding = body, int64(len(data)), nil
				next.ServeHTTP(w, r)
				return
			}
		}
		awaiting(r.Context(), true)
		rest := struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
		r.Body = &Streamed{body: rest, control: http.NewResponseController(w), idle: h.o.BodyTimeout, ended: func() { awaiting(r.Context(), false) }}
		next.ServeHTTP(w, r)
	})
}

// Whole returns the body of a request for Options.Elsewhere; nil, and false, if it is read as it
// comes, and can be sent only once.
func Whole(r *http.Request) ([]byte, bool) {
	if r.ContentLength == 0 {
		return nil, true
	}
	whole, ok := r.Body.(*arrived)
	if !ok {
		return nil, false
	}
	return whole.data, true
}

// Held gives the slot of a request for Options.Elsewhere to others, as [Wait] does: it waits for
// the process that serves it.
func Held(ctx context.Context) {
	if q := requestOf(ctx); q.place != nil {
		q.place.move(q.live.waiting, q)
	}
}

// Refuse writes a fault in the format of the mount that the path of a request belongs to.
func Refuse(w http.ResponseWriter, r *http.Request, f *Fault) {
	q := requestOf(r.Context())
	if q.live == nil { // in a test
		WriteProblem(w, r, f)
		return
	}
	q.live.current.Load().refuse(w, r, f)
}
