package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"stanzahook/pkg/socket"
)

// How long acknowledged waits between two checks of a socket: it begins with firstLook and doubles up to mostLook.
const (
	firstLook = time.Millisecond
	mostLook  = 50 * time.Millisecond
)

// Deliver writes the whole answer, and reports whether the caller has it: its side of the
// connection has acknowledged all of it. It is for answers that nobody gets a second time. It
// returns as soon as that is known, and at the latest when writing may not go on. Only Linux
// tells what is acknowledged; elsewhere an answer that could be written counts. A proxy in front
// of us is the caller.
//
// Killed after the caller has it: it is not reported. So do what ends with the answer after
// Deliver, and let it be repeated.
func Deliver(w http.ResponseWriter, r *http.Request, status int, mediaType string, body []byte) bool {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // so that it is whole once it is flushed
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return false
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c == nil || c.acknowledged(r.Context(), writeTimeout) // nil: a test's recorder
}

// acknowledged waits until the other side has acknowledged what was written.
func (c *connection) acknowledged(ctx context.Context, atMost time.Duration) bool {
	raw := c.raw()
	if raw == nil {
		return true
	}
	deadline := time.Now().Add(atMost)
	for pause := firstLook; ; pause = min(2*pause, mostLook) {
		gone := ctx.Err() != nil || time.Now().After(deadline) // before the look: who closes has read it, maybe
		var n int
		var failed error
		if err := raw.Control(func(fd uintptr) { n, failed = socket.Unacknowledged(fd) }); err != nil || failed != nil {
			return false // closed
		}
		if n == 0 || gone {
			return n == 0
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// raw returns the socket of a connection; nil if it is none.
func (c *connection) raw() syscall.RawConn {
	switch s := c.Conn.(type) {
	case *socket.Conn:
		return s.Raw()
	case syscall.Conn:
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
