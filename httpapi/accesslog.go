package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logAccess logs each request: never its body, headers or path. Health checks and
// scrapes are logged at debug while they succeed. Requests without a known caller are
// logged together, by route and status, as anybody can send any number.
func (h *Handler) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := &answer{ResponseWriter: w}
		// Else the write deadline of the previous answer on this connection would end
		// the "100 Continue" of this one.
		a.deadline(time.Time{})
		h.o.Observer.Began()
		defer func() {
			q := requestOf(r.Context())
			level := zapcore.InfoLevel
			if (q.route == "/healthz" || q.route == "/readyz" || q.route == "/metrics") && a.status < 400 {
				level = zapcore.DebugLevel
			}
			route, status := q.route, a.status
			if route == "" {
				route = "none"
			}
			if status == 0 {
				status = http.StatusOK // what net/http writes for a handler that wrote nothing
			}
			took := time.Since(start)
			h.o.Observer.Ended(route, status, took)
			if h.o.OnRequest != nil && level == zapcore.InfoLevel {
				h.o.OnRequest(Request{q.who.Name, r.Method, route, status, took})
			}
			key := ""
			if q.who.Name == "" && level == zapcore.InfoLevel {
				if key = route + " " + strconv.Itoa(status); h.repeats.Repeated(h.o.Log, level, key) {
					return
				}
			}
			fields := [...]zap.Field{
				zap.String("method", r.Method), zap.String("route", route), zap.Int("status", status),
				zap.Int64("bytes", a.bytes), zap.Duration("duration", took),
				zap.String("request_id", q.id), zap.String("token", q.who.Name), zap.Stringer("client", q.addr),
			}
			if key != "" {
				h.repeats.Log(h.o.Log, level, key, "request", fields[:]...)
				return
			}
			h.o.Log.Log(level, "request", fields[:]...)
		}()
		next.ServeHTTP(a, r)
	})
}

// answer counts the written bytes, and sets a deadline for the answer when it begins.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 { // 1xx is not the answer
		a.status = status
		a.deadline(time.Now().Add(writeTimeout))
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(b)
	a.bytes += int64(n)
	return n, err
}

func (a *answer) deadline(t time.Time) {
	// An error is that of a recorder in a test, or of a closed connection, which Write
	// reports too.
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(t)
}

// failedConnections logs the errors of connections without a request, such as failed TLS
// handshakes, for net/http.
type failedConnections struct{ h *Handler }

// Write implements io.Writer.
func (f failedConnections) Write(line []byte) (int, error) {
	f.h.repeats.Warn(f.h.o.Log, "HTTP connection failed", zap.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}
