package httpapi

import "net/http"

// bound refuses requests over MaxConcurrent at once. Waiting for a slot would
// only move the queue into our memory; the caller knows better when to come
// again. Health checks do not pass here: overload is no reason to be restarted.
func (s *Server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			next.ServeHTTP(w, r)
		default:
			s.refuse(w, r, &Fault{
				Status:     http.StatusServiceUnavailable,
				Text:       "too many requests at once; try again in a second",
				RetryAfter: 1,
			})
		}
	})
}
