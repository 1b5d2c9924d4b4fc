package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Streamed is the body of a request that its handler reads as it comes: see [Route.Stream].
// The deadline of Options.BodyTimeout holds for each part of it.
type Streamed struct {
	body    io.ReadCloser
	control *http.ResponseController
	idle    time.Duration
	ended   func() // its end was read

	mu          sync.Mutex
	interrupted bool
}

// streamed gives the handler the body of a request unread if stream says so, of at most as
// many bytes; else it is read before.
func (h *Handler) streamed(stream func(*http.Request) int64, unread, read http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := stream(r)
		if most == 0 {
			read.ServeHTTP(w, r)
			return
		}
		awaiting(r.Context(), true)
		r.Body = &Streamed{body: http.MaxBytesReader(w, r.Body, most), control: http.NewResponseController(w), idle: h.o.BodyTimeout, ended: func() { awaiting(r.Context(), false) }}
		unread.ServeHTTP(w, r)
	})
}

// Read implements io.Reader.
func (s *Streamed) Read(p []byte) (int, error) {
	s.mu.Lock()
	if s.interrupted {
		s.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	_ = s.control.SetReadDeadline(time.Now().Add(s.idle)) // an error is that of a recorder in a test, or of a closed connection, which Read reports too
	s.mu.Unlock()
	n, err := s.body.Read(p)
	if err == io.EOF {
		s.ended()
		_ = s.control.SetReadDeadline(time.Time{}) // as in arrive
	}
	return n, err
}

// Close implements io.Closer.
func (s *Streamed) Close() error { return s.body.Close() }

// Interrupt ends a read that waits, and all later ones.
func (s *Streamed) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupted = true
	_ = s.control.SetReadDeadline(time.Now()) // as in Read
}

// StreamOf returns the unread body of a request; nil if it was read.
func StreamOf(r *http.Request) *Streamed {
	s, _ := r.Body.(*Streamed)
	return s
}

// Overlong reports whether reading a streamed body has failed as it is too large.
func Overlong(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}
