package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logAccess writes one line per request: never a body, a header or a path. The
// probes of orchestrators and scrapes are logged at debug while they succeed. Requests
// of nobody that is known are counted together, by route and status, as anybody can
// send as many as it likes.
func (s *Server) logAccess(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		a := &answer{ResponseWriter: w}
		// The deadline that the previous answer on this connection left would
		// else end the "100 Continue" of this one.
		a.deadline(time.Time{})
		s.o.Observer.Began()
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
			s.o.Observer.Ended(route, status, took)
			fields := [...]zap.Field{
				zap.String("method", r.Method), zap.String("route", route), zap.Int("status", status),
				zap.Int64("bytes", a.bytes), zap.Duration("duration", took),
				zap.String("request_id", q.id), zap.String("token", q.who.Name), zap.Stringer("client", q.addr),
			}
			if q.who.Name == "" && level == zapcore.InfoLevel {
				s.repeats.Log(s.o.Log, level, route+" "+strconv.Itoa(status), "request", fields[:]...)
				return
			}
			s.o.Log.Log(level, "request", fields[:]...)
		}()
		next.ServeHTTP(a, r)
	})
}

// answer counts what is written, and gives the writing a deadline from its
// first byte on.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController find the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 { // 1xx are not the answer
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
	// It fails on a recorder in a test, and on a closed connection, which the
	// write will tell.
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(t)
}

// failedConnections logs what net/http says of connections that fail before there is a
// request, such as TLS handshakes.
type failedConnections struct{ s *Server }

// Write implements io.Writer.
func (f failedConnections) Write(line []byte) (int, error) {
	f.s.repeats.Warn(f.s.o.Log, "an HTTP connection failed", zap.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}
