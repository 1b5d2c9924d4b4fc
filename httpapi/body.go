package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	// firstBytes is what a body gets before any of it is there.
	firstBytes = 2 << 10
	// lingerTimeout is how long a caller may go on to send a body that has been
	// refused, so that he reads the answer and not a broken connection.
	lingerTimeout = 2 * time.Second
)

// limitBody bounds the size of the body. What says beforehand that it is too
// large is not read at all.
func (s *Server) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > s.o.MaxBodyBytes {
			s.refuse(w, r, tooLarge(s.o.MaxBodyBytes))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.o.MaxBodyBytes)
		next.ServeHTTP(w, r)
	})
}

// boundArrival sets the deadline for the body to arrive. It also bounds what
// net/http reads of a body that nobody wanted, so it comes before any refusal.
func (s *Server) boundArrival(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			// It fails on a recorder in a test, and on a closed connection, which
			// the reading will tell.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.o.BodyTimeout))
		}
		next.ServeHTTP(w, r)
	})
}

// linger shortens the deadline for a body that nobody will read.
func (s *Server) linger(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if _, read := r.Body.(*arrived); !read {
		awaiting(r.Context(), true)
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(min(lingerTimeout, s.o.BodyTimeout)))
	}
}

// arrived is a body that is there.
type arrived struct {
	bytes.Reader
	data []byte
}

// Close implements io.ReadCloser.
func (*arrived) Close() error { return nil }

// arrive reads the body before the request takes one of the slots: who sends
// slowly, holds none. Memory is taken as the bytes come, whatever length was
// announced.
func (s *Server) arrive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		var held int64
		of := s.live.slots.bounds(requestOf(r.Context()))
		defer func() { s.live.bodies.give(of, held) }()
		awaiting(r.Context(), true)
		data, f := s.read(r, of, &held)
		awaiting(r.Context(), false)
		if f != nil {
			s.refuse(w, r, f)
			return
		}
		// The handler may now wait for minutes, and net/http reads on to notice
		// when the caller goes: no deadline may cut that short.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		whole := &arrived{data: data}
		whole.Reset(data)
		r.Body = whole
		next.ServeHTTP(w, r)
	})
}

// read reads a body. held is what it takes of the bodies' memory.
func (s *Server) read(r *http.Request, of bounds, held *int64) ([]byte, *Fault) {
	size := int64(firstBytes)
	if n := r.ContentLength; n > 0 {
		size = min(size, n+1) // one more, to see the end
	}
	var data []byte
	for {
		if len(data) == cap(data) {
			if data != nil {
				size = min(2*size, s.o.MaxBodyBytes+1)
			}
			if f := s.live.bodies.take(of, size-*held, max(bodiesBytes, 4*s.o.MaxBodyBytes)); f != nil {
				return nil, f
			}
			*held = size
			data = append(make([]byte, 0, size), data...)
		}
		n, err := r.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, unreadable(err)
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

// ReadBody returns the whole body of a request within the server's limits. The
// Fault, if there is one, is the caller's to write.
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
		Text:   fmt.Sprintf("Payload too large: a body may have %d bytes (http.max_body_bytes)", limit),
	}
}
