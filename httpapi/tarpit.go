package httpapi

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// tarpitDelay is how late the tarpit answers: a crowd that asks as often as it is answered asks
	// seldom. Each waits up to tarpitSpread longer, or those who came at once would come at once
	// again.
	tarpitDelay  = 5 * time.Second
	tarpitSpread = 5 * time.Second
	// tarpitPulse is when it does: many at once.
	tarpitPulse = 100 * time.Millisecond
	// tarpitPart is the part of all connections that is in the tarpit at most; over it strangers
	// without a place are answered at once, and their connections are closed.
	tarpitPart = 4
	// tarpitLinger is how long a caller may read its answer before its connection is closed,
	// though nobody has read its body.
	tarpitLinger = 500 * time.Millisecond
)

// tarpit has the connections of strangers that found no place to wait for their turn. They are
// answered late, and closed. Nothing but the connection and the answer is kept of a request: no
// goroutine, no buffers. One of them is closed if there are too many connections, as
// one without a whole request is.
//
// Killed: the caller sees the end of its connection, and was a stranger anyway.
type tarpit struct {
	mu     sync.Mutex
	most   int
	count  int
	total  int64
	start  time.Time                          // pulses count from here
	by     map[time.Duration][]lateConnection // by the time of their pulse
	closed bool

	texts sync.Pool // of *bytes.Buffer: answers are written there first
}

type lateConnection struct {
	net.Conn
	answer []byte
}

func newTarpit(connections int) *tarpit {
	return &tarpit{most: connections / tarpitPart, start: time.Now(), by: make(map[time.Duration][]lateConnection)}
}

// add takes over the connection of a request, and answers it late with what write writes. It
// reports false if it has not: there are too many, or nothing can be taken over.
func (t *tarpit) add(w http.ResponseWriter, r *http.Request, write func(http.ResponseWriter)) bool {
	if !t.reserve() {
		return false
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // of a recorder in a test
		t.leave(1)
		return false
	}
	own(conn).await(true) // it may be closed for another one
	_ = conn.SetDeadline(time.Time{})
	late := &lateAnswer{header: w.Header(), status: http.StatusOK}
	write(late)
	if a, ok := w.(*answer); ok { // for the access log
		a.status, a.bytes = late.status, int64(late.body.Len())
	}
	t.put(lateConnection{conn, t.text(late, r)})
	return true
}

// reserve takes a place, if there is one.
func (t *tarpit) reserve() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.count >= t.most {
		return false
	}
	t.count++
	return true
}

// put takes over a connection, for which a place was reserved.
func (t *tarpit) put(one lateConnection) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		t.count--
		_ = one.Close()
		return
	}
	t.total++
	since := time.Since(t.start)
	due := (since + tarpitDelay + rand.N(tarpitSpread)).Truncate(tarpitPulse) + tarpitPulse
	if t.by[due] == nil {
		time.AfterFunc(due-since, func() { t.onPulse(due) })
	}
	t.by[due] = append(t.by[due], one)
}

// onPulse answers connections, and closes them.
func (t *tarpit) onPulse(due time.Duration) {
	t.mu.Lock()
	all := t.by[due]
	delete(t.by, due)
	t.mu.Unlock()
	answerLate(all)
	t.leave(len(all))
}

// answerLate answers connections, and closes them.
func answerLate(all []lateConnection) {
	if len(all) == 0 {
		return
	}
	until := time.Now().Add(tarpitLinger) // for all of them: one that does not read cannot hold up many
	for _, c := range all {
		_ = c.SetWriteDeadline(until)
		if _, err := c.Write(c.answer); err != nil { // it has gone
			continue
		}
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	time.Sleep(tarpitLinger)
	for _, c := range all {
		_ = c.Close()
	}
}

func (t *tarpit) leave(n int) {
	t.mu.Lock()
	t.count -= n
	t.mu.Unlock()
}

// close closes all of them, and takes no more.
func (t *tarpit) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	for due, all := range t.by {
		delete(t.by, due)
		t.count -= len(all)
		for _, c := range all {
			_ = c.Close()
		}
	}
}

// lateAnswer is an answer that is written late.
type lateAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter, as WriteHeader and Write do.
func (a *lateAnswer) Header() http.Header         { return a.header }
func (a *lateAnswer) WriteHeader(status int)      { a.status = status }
func (a *lateAnswer) Write(b []byte) (int, error) { return a.body.Write(b) }

// text returns an answer to a request as it is sent (RFC 9112).
func (t *tarpit) text(a *lateAnswer, r *http.Request) []byte {
	a.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	resp := http.Response{StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Close: true, Request: r}
	text, ok := t.texts.Get().(*bytes.Buffer)
	if !ok {
		text = new(bytes.Buffer)
	}
	defer t.texts.Put(text)
	text.Reset()
	_ = resp.Write(text) // memory takes it
	return bytes.Clone(text.Bytes())
}
