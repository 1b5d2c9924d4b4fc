package listeners

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"stanzahook/httpapi/v1"
	"stanzahook/pkg/gateway"
)

// maxTunnelled bounds the body of a request that goes through a tunnel.
const maxTunnelled = 16 << 20

// tunnel is the bot of a listener on this side: the requests of an endpoint come to it
// over loopback, go to whoever listens, and wait for the answer from there.
type tunnel struct {
	url      string
	path     string // that nobody else knows
	server   *http.Server
	requests chan *v1.ListenRequest
	over     chan struct{} // closed when nobody listens any more

	mu      sync.Mutex
	waiting map[string]chan v1.ListenAnswer // by the id of the request
	why     error                           // over is closed; nil: it is not
}

func openTunnel() (*tunnel, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	t := &tunnel{path: "/" + rand.Text(), requests: make(chan *v1.ListenRequest), over: make(chan struct{}), waiting: make(map[string]chan v1.ListenAnswer)}
	t.url = "http://" + l.Addr().String() + t.path
	t.server = &http.Server{Handler: t, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.server.Serve(l) }() // ends with close, with an error that says so
	return t, nil
}

// close lets requests in progress fail, to be tried elsewhere. Whoever listens learns why,
// the first time.
func (t *tunnel) close(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.why == nil {
		t.why = why
		close(t.over)
	}
}

// shut ends the server, when the endpoint has ended.
func (t *tunnel) shut() { _ = t.server.Close() }

// ServeHTTP passes a request on, and the answer back.
//
// Killed before the answer: the event is in its queue.
func (t *tunnel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != t.path {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTunnelled))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	id, answer := rand.Text(), make(chan v1.ListenAnswer, 1)
	t.mu.Lock()
	t.waiting[id] = answer
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.waiting, id)
		t.mu.Unlock()
	}()
	select {
	case t.requests <- &v1.ListenRequest{ID: id, Header: tunnelledHeader(r.Header), Body: string(body)}:
	case <-t.over:
	case <-r.Context().Done():
		return
	}
	select {
	case a := <-answer:
		passBack(w, &a)
	case <-t.over:
		http.Error(w, "nobody listens any more", http.StatusServiceUnavailable)
	case <-r.Context().Done():
	}
}

// tunnelledHeader are the headers that the bot gets: those of the connection are its own.
func tunnelledHeader(h http.Header) map[string]string {
	all := make(map[string]string)
	for name := range h {
		switch name {
		case "Accept-Encoding", "Content-Length", "Connection":
		default:
			all[name] = h.Get(name)
		}
	}
	return all
}

// passBack answers as the bot did; 502 if it did not answer.
func passBack(w http.ResponseWriter, a *v1.ListenAnswer) {
	if a.Error != "" {
		http.Error(w, a.Error, http.StatusBadGateway)
		return
	}
	for name, value := range map[string]string{"Content-Type": a.ContentType, "Content-Encoding": a.ContentEncoding, "Retry-After": a.RetryAfter} {
		if value != "" {
			w.Header().Set(name, value)
		} else {
			w.Header()[name] = nil // net/http would guess a type
		}
	}
	if a.Length > 0 { // the endpoint reads no more than this
		w.Header().Set("Content-Length", strconv.Itoa(a.Length))
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // the endpoint sees what is missing
}

// next returns the next request; nil if there was none within wait.
func (t *tunnel) next(ctx context.Context, wait time.Duration) (*v1.ListenRequest, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case q := <-t.requests:
		return q, nil
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, nil
	case <-t.over:
		t.mu.Lock()
		defer t.mu.Unlock()
		return nil, t.why
	}
}

// answer answers a request, whose sender may have given up.
func (t *tunnel) answer(id string, a v1.ListenAnswer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.waiting[id]
	if !ok {
		return fmt.Errorf("%w: the request was not waited for any longer", gateway.ErrNotFound)
	}
	delete(t.waiting, id)
	c <- a
	return nil
}
