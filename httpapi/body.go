package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// limitBody bounds the size of the body and the time in which it must arrive.
// What says beforehand that it is too large is not read at all.
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

// ReadBody returns the whole body of a request within the server's limits. The
// Fault, if there is one, is the caller's to write.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, *Fault) {
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case err == nil:
		// The handler may now wait for minutes, and net/http reads on to notice
		// when the caller goes: no deadline may cut that short.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Fault{Status: http.StatusRequestTimeout, Text: "the body did not arrive in time"}
	}
	return nil, &Fault{Status: http.StatusBadRequest, Text: "the body could not be read to its end"}
}

func tooLarge(limit int64) *Fault {
	return &Fault{
		Status: http.StatusRequestEntityTooLarge,
		Text:   fmt.Sprintf("Payload too large: a body may have %d bytes (http.max_body_bytes)", limit),
	}
}
