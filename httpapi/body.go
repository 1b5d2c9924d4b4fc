package httpapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// firstBytes is the memory of a body before its first byte.
	firstBytes = 2 << 10
	// lingerTimeout is how long a caller may go on to send a refused body, so that it
	// reads the answer and not a broken connection.
	lingerTimeout = 2 * time.Second
)

// limitBody bounds the size of the body. A body whose announced length is too large is
// not read at all.
func (h *Handler) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := h.maxBody(r)
		if r.ContentLength > most {
			h.refuse(w, r, tooLarge(most))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	})
}

// maxBody returns how large the body of a request may be.
func (h *Handler) maxBody(r *http.Request) int64 {
	return cmp.Or(requestOf(r.Context()).maxBody, h.o.MaxBodyBytes)
}

// boundArrival sets the deadline for the body. It also bounds how long net/http reads a
// body that no handler has read, so it comes before any refusal.
func (h *Handler) boundArrival(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			// An error is that of a recorder in a test, or of a closed connection, which
			// Read reports too.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.o.BodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// linger shortens the deadline of a body that no handler will read.
func (h *Handler) linger(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if _, read := r.Body.(*arrived); !read {
		awaiting(r.Context(), true)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(min(lingerTimeout, h.o.BodyTimeout)))
	}
}

// arrived is a body that was read.
type arrived struct {
	bytes.Reader
	data []byte
}

// Close implements io.ReadCloser.
func (*arrived) Close() error { return nil }

// arrive reads the body before the request takes a slot, so that slow callers hold none.
// It reserves memory as the bytes come, whatever length was announced.
func (h *Handler) arrive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		var held int64
		of := h.live.slots.bounds(requestOf(r.Context()))
		defer func() { h.live.bodies.give(of, held) }()
		awaiting(r.Context(), true)
		data, f := h.read(r, of, &held)
		awaiting(r.Context(), false)
		if f != nil {
			h.refuse(w, r, f)
			return
		}
		// The handler may wait for minutes, and net/http goes on reading to notice when
		// the caller goes: no deadline may end that.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		whole := &arrived{data: data}
		whole.Reset(data)
		r.Body = whole
		next.ServeHTTP(w, r)
	})
}

// read reads a body. held is the memory that it has reserved.
func (h *Handler) read(r *http.Request, of bounds, held *int64) ([]byte, *Fault) {
	data, _, f := h.readUpTo(r, of, held, h.maxBody(r)+1)
	return data, f
}

// readUpTo is read up to most bytes, and reports whether that is the whole body.
func (h *Handler) readUpTo(r *http.Request, of bounds, held *int64, most int64) (data []byte, whole bool, f *Fault) {
	size := min(firstBytes, most)
	if n := r.ContentLength; n > 0 {
		size = min(size, n+1) // one more, to see the end
	}
	for {
		if len(data) == cap(data) {
			switch {
			case data == nil:
			case size == most:
				return data, false, nil
			default:
				size = min(2*size, most)
			}
			if f := h.live.bodies.take(of, *held, size-*held, max(bodiesBytes, 4*h.o.MaxBodyBytes)); f != nil {
				return nil, false, f
			}
			*held = size
			data = append(make([]byte, 0, size), data...)
		}
		n, err := r.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, true, nil
		case err != nil:
			return nil, false, unreadable(err)
		}
	}
}

func unreadable(err error) *Fault {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Fault{Status: http.StatusRequestTimeout, Text: "the body did not arrive in time"}
	}
	return &Fault{Status: http.StatusBadRequest, Text: "the body could not be read to its end"}
}

// ReadBody returns the body of a request within the limits of the server.
func ReadBody(_ http.ResponseWriter, r *http.Request) ([]byte, *Fault) {
	if whole, ok := r.Body.(*arrived); ok {
		return whole.data, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, unreadable(err)
	}
	return body, nil
}

func tooLarge(limit int64) *Fault {
	return &Fault{
		Status: http.StatusRequestEntityTooLarge,
		Text:   fmt.Sprintf("Payload too large: a body may have %d bytes (http.max_body_bytes, or max_body of a hook)", limit),
	}
}
