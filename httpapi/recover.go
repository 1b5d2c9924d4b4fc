package httpapi

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"
)

// recoverPanics turns a panic into a 500 and a line in the log; the process goes
// on. When the answer had begun, the connection is closed, so that the caller
// does not take a part for the whole.
func (s *Server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // meant: net/http closes the connection
				panic(v)
			}
			q := requestOf(r.Context())
			s.repeats.Error(s.o.Log, "a request panicked", zap.String("panic", fmt.Sprint(v)),
				zap.String("route", q.route), zap.String("request_id", q.id), zap.Stack("stack"))
			if a, ok := w.(*answer); ok && a.status != 0 {
				panic(http.ErrAbortHandler)
			}
			s.refuse(w, r, &Fault{
				Status: http.StatusInternalServerError,
				Text:   "internal error; the log has more under request id " + q.id,
			})
		}()
		next.ServeHTTP(w, r)
	})
}
