package httpapi

import (
	"fmt"
	"net/http"

	"go.uber.org/zap"
)

// recoverPanics answers a panic with 500 and logs it; the process goes on. If the answer
// has begun, it closes the connection, so that the caller does not mistake a part for the
// whole.
func (h *Handler) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { // intended: net/http closes the connection
				panic(v)
			}
			q := requestOf(r.Context())
			h.repeats.Error(h.o.Log, "request panicked", zap.String("panic", fmt.Sprint(v)),
				zap.String("route", q.route), zap.String("request_id", q.id), zap.Stack("stack"))
			if a, ok := w.(*answer); ok && a.status != 0 {
				panic(http.ErrAbortHandler)
			}
			h.refuse(w, r, &Fault{
				Status: http.StatusInternalServerError,
				Text:   "internal error; the log has more under request id " + q.id,
			})
		}()
		next.ServeHTTP(w, r)
	})
}
