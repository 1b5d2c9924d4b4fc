package httpapi

import "net/http"

// enter takes one of the MaxConcurrent slots, if there is one. Waiting for a
// slot would only move the queue into our memory; the caller knows better when
// to come again. Health checks need none: overload is no reason to be restarted.
func (s *Server) enter() bool {
	select {
	case s.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *Server) leave() { <-s.slots }

func overloaded() *Fault {
	return &Fault{
		Status:     http.StatusServiceUnavailable,
		Text:       "too many requests at once; try again in a second",
		RetryAfter: 1,
	}
}

// bound refuses requests over MaxConcurrent at once.
func (s *Server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.refuse(w, r, overloaded())
			return
		}
		defer s.leave()
		next.ServeHTTP(w, r)
	})
}
