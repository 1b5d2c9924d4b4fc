package httpapi

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"runtime"
	"syscall"
	"time"
)

const (
	// crowdBatch bounds how many are accepted before others have the core, if there are no more of them.
	crowdBatch = 8
	// headBytes is more than the longest head of a request that net/http reads.
	headBytes = maxHeaderBytes + 4<<10 + 1
)

// crowd looks at the first request of each new connection before net/http does, while so many
// strangers come that some find no place (see strangers). A connection whose request shows
// that nobody knows the caller is answered late and closed; it costs neither a goroutine nor
// buffers. All others go on to net/http with all their bytes, as they are looked at and not read.
//
// It has one goroutine, that of net/http which accepts, so strangers never take more than one
// core. It never waits for a connection, but for what comes first, on whichever: who is somebody is
// served when the request is there, and no timer stands between. A request that has not come whole
// stays in the socket, until more comes or its time is over; and its connection is closed as any
// that waits without a whole request, if there are too many.
//
// It is for listeners without TLS: with it the handshake comes first, which costs more than
// everything else.
//
// Killed: the callers see the end of their connections.
type crowd struct {
	connections *connections
	listener    syscall.RawConn
	handler     func() *Handler
	arrivals    *arrivals
	known       []net.Conn // for net/http
	passed      bool       // one of them, just now
	more        bool       // have come than a batch

	seen   [headBytes]byte
	head   *plainHead
	in     bytes.Reader
	buffer *bufio.Reader
}

// visitor is a new connection in a crowd.
type visitor struct {
	*connection
	socket *rawSocket
	since  time.Time
}

// newCrowd returns nil for other listeners than those of TCP, and if there are no files left.
func newCrowd(l *connections, handler func() *Handler) *crowd {
	tcp, ok := l.Listener.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	waiting, err := newArrivals(&handler().live.strangers.arriving)
	if err != nil {
		return nil
	}
	return &crowd{connections: l, listener: raw, handler: handler, arrivals: waiting, head: newPlainHead(), buffer: bufio.NewReaderSize(nil, 4<<10)}
}

// accept returns a connection for net/http while there is a crowd, and nil when there is none any more.
func (w *crowd) accept() (net.Conn, error) {
	if w == nil {
		return nil, nil
	}
	for {
		if len(w.known) > 0 {
			c := w.known[0]
			w.known = append(w.known[:0], w.known[1:]...)
			w.passed = true
			return c, nil
		}
		if w.passed {
			w.passed = false
			runtime.Gosched() // its request is served before the next ones are looked at
		}
		if !w.handler().live.strangers.crowd() {
			v := w.arrivals.oldest()
			if v == nil {
				w.arrivals.unwatch(w.listener)
				return nil, nil
			}
			w.pass(v)
			continue
		}
		if err := w.arrivals.watch(w.listener); err != nil {
			return nil, nil // net/http accepts as in peace
		}
		newOnes, err := w.arrivals.wait(w.more)
		if err != nil {
			return nil, nil // the listener is closed, and says so
		}
		if err := w.round(newOnes); err != nil {
			return nil, err
		}
	}
}

// round looks at connections of which more has come, and accepts new ones, if there are some.
func (w *crowd) round(newOnes bool) (failed error) {
	now := time.Now()
	w.arrivals.each(func(v *visitor, over bool) {
		if !w.look(v) && over {
			w.end(v) // no more will come
		}
	})
	for v := w.arrivals.oldest(); v != nil && now.Sub(v.since) > w.connections.headerTimeout; v = w.arrivals.oldest() {
		w.end(v) // as net/http does
	}
	w.more = false
	if !newOnes {
		return nil
	}
	_ = w.listener.Control(func(fd uintptr) {
		for range crowdBatch {
			if len(w.known) > 0 {
				return // who may be somebody does not wait until the others are looked at
			}
			s, err := acceptSocket(fd)
			switch {
			case err == nil:
				if c := w.connections.add(s, s.addr.Addr()); c != nil {
					w.look(&visitor{c, s, now})
				}
			case err == syscall.EAGAIN:
				return
			case err == syscall.EINTR, err == syscall.ECONNABORTED:
			default:
				failed = &net.OpError{Op: "accept", Net: "tcp", Err: err}
				return
			}
		}
		w.more = true
	}) // an error means that it is closed, as the next wait shows
	return failed
}

// look looks at what has come of a request. It reports false if more of it has to come.
func (w *crowd) look(v *visitor) bool {
	n, err := v.socket.peek(w.seen[:])
	seen := w.seen[:max(n, 0)]
	switch {
	case err == nil && n == 0, err != nil && err != syscall.EAGAIN:
		_ = v.Close()
	case n == len(w.seen): // net/http refuses it
		w.pass(v)
	case headOf(seen) == nil:
		if w.arrivals.hold(v) == nil {
			return false
		}
		w.pass(v) // there are no files left; net/http waits as well
	case !w.turnAway(v, seen):
		w.pass(v)
	}
	return true
}

// headOf returns a request up to the empty line behind its headers; nil if that has not come. Lines may
// end without CR (RFC 9112 section 2.2).
func headOf(seen []byte) []byte {
	for at := 0; ; {
		i := bytes.IndexByte(seen[at:], '\n')
		if i < 0 {
			return nil
		}
		at += i + 1
		for _, end := range [...]string{"\n", "\r\n"} {
			if bytes.HasPrefix(seen[at:], []byte(end)) {
				return seen[:at+len(end)]
			}
		}
	}
}

// pass hands a connection over to net/http.
func (w *crowd) pass(v *visitor) {
	w.arrivals.letGo(v)
	c, err := v.socket.conn()
	if err != nil {
		_ = v.Close()
		return
	}
	v.Conn = quick(c)
	w.known = append(w.known, v.connection)
}

// turnAway answers a stranger, now or late. It reports false if it may be somebody.
func (w *crowd) turnAway(v *visitor, seen []byte) bool {
	r, why := w.recognize(v, seen)
	if why == nil {
		return false
	}
	w.arrivals.letGo(v)
	gone := v.socket.gone()
	if !gone {
		v.socket.discard(w.seen[:])
	}
	w.handler().putAside(v.connection, r, why, gone)
	return true
}

// recognize reads the head of a request. It returns no refusal if net/http has to read it.
func (w *crowd) recognize(v *visitor, seen []byte) (r *http.Request, why *refusal) {
	defer func() {
		if recover() != nil {
			why = nil // net/http meets the same panic, and logs it
		}
	}()
	if r = w.head.read(string(headOf(seen))); r == nil {
		var err error
		w.in.Reset(seen)
		w.buffer.Reset(&w.in)
		if r, err = http.ReadRequest(w.buffer); err != nil {
			return nil, nil // net/http says what is wrong
		}
	}
	r.RemoteAddr = v.socket.addr.String()
	return r, w.handler().recognize(r)
}

// end closes a connection of which no whole request has come.
func (w *crowd) end(v *visitor) {
	v.socket.discard(w.seen[:])
	_ = v.Close()
}

// stop ends a wait, for ever.
func (w *crowd) stop() {
	if w != nil {
		w.arrivals.close()
	}
}

// close closes all connections that wait, and ends.
func (w *crowd) close() {
	if w == nil {
		return
	}
	for v := w.arrivals.oldest(); v != nil; v = w.arrivals.oldest() {
		w.end(v)
	}
	w.arrivals.close()
}
