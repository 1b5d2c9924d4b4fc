package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"stanzahook/httpapi"
	"stanzahook/pkg/replica"
)

// streamTime bounds one write to a caller whose answer has no end yet.
const streamTime = 30 * time.Second

var (
	errStandby = errors.New("it is not active")
	errRunning = errors.New("an attempt before is in progress")
	errCrowd   = errors.New("its caller has too many requests")
)

// attempt sends the request to a replica, and its answer to the caller. It panics with
// http.ErrAbortHandler, as httputil.ReverseProxy does, if the answer breaks off: the caller
// has to see that.
func (x *exchange) attempt(to *replica.Serving) (became result) {
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	go func() {
		select {
		case <-to.Over: // it may be frozen: nothing more comes
			cancel()
		case <-ctx.Done():
		}
	}()
	defer context.AfterFunc(x.stopping, func() {
		if x.events.Load() {
			cancel()
		}
	})()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	base, transport, err := x.target(to)
	if err != nil {
		x.o.Log.Error("active replica not reached", zap.String("active", to.Replica), zap.Error(err))
		return untouched
	}
	proxy := httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(p *httputil.ProxyRequest) { x.address(p.Out, base) },
		ModifyResponse: func(resp *http.Response) error {
			switch {
			case resp.Header.Get(standbyHeader) != "":
				return errStandby
			case x.sent && resp.StatusCode == http.StatusConflict && resp.Header.Get("Retry-After") != "":
				return errRunning
			case resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "" && x.mayCrowd():
				return errCrowd
			}
			for name := range resp.Header { // what this replica has said of itself
				x.w.Header().Del(name)
			}
			x.events.Store(resp.Header.Get("Content-Type") == "text/event-stream")
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) {
			switch {
			case x.r.Context().Err() != nil:
				x.outcome, became = gone, done
			case errors.Is(err, errRunning):
				became = running
			case errors.Is(err, errCrowd):
				became = crowd
			case errors.Is(err, errStandby):
				became = untouched
			case !connected.Load():
				became = untouched
				x.repeats.Warn(x.o.Log, "active replica not reached", zap.String("active", to.Replica), zap.Error(err))
			default:
				became = unknown
				x.repeats.Warn(x.o.Log, "active replica has not answered", zap.String("active", to.Replica), zap.Error(err))
			}
		},
	}
	proxy.ServeHTTP(&output{ResponseWriter: x.w}, x.copy(traced))
	if became == done && x.outcome != gone {
		x.outcome = answered
	}
	return became
}

// copy returns the request with its body from the beginning.
func (x *exchange) copy(ctx context.Context) *http.Request {
	r := x.r.WithContext(ctx)
	switch {
	case x.once != nil:
		r.Body = io.NopCloser(x.once)
	case len(x.body) == 0:
		r.Body, r.ContentLength = http.NoBody, 0
	default:
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(x.body)), nil }
		r.Body, _ = r.GetBody() // never fails
	}
	return r
}

// address makes a request one to a replica.
func (x *exchange) address(out *http.Request, base *url.URL) {
	target, err := url.ParseRequestURI(x.r.RequestURI)
	if err != nil { // net/http has parsed it
		target = x.r.URL
	}
	out.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: target.Path, RawPath: target.RawPath, RawQuery: target.RawQuery, ForceQuery: target.ForceQuery}
	out.Host = x.r.Host // what it says of other origins depends on it
	out.Header.Del("Expect")
	out.Header.Set(Header, x.sign(out.Method, out.URL.RequestURI(), httpapi.ClientAddress(x.r.Context())))
	if id := httpapi.RequestID(x.r.Context()); id != "" {
		out.Header.Set("X-Request-Id", id)
	}
	// net/http sends again by itself what has such a header, in this spelling, wherever it counts or not.
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
		if values, ok := out.Header[name]; ok {
			delete(out.Header, name)
			out.Header[strings.ToLower(name)] = values
		}
	}
}

// output gives each write of an answer without an announced length its own time.
type output struct {
	http.ResponseWriter
	open bool
}

// Unwrap lets http.ResponseController find the connection.
func (o *output) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (o *output) WriteHeader(status int) {
	o.open = o.Header().Get("Content-Length") == ""
	o.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (o *output) Write(b []byte) (int, error) {
	if o.open {
		_ = http.NewResponseController(o.ResponseWriter).SetWriteDeadline(time.Now().Add(streamTime)) // an error is that of a closed connection, which Write reports too
	}
	return o.ResponseWriter.Write(b)
}

// target returns where a replica is, and how it is reached.
func (f *Forward) target(to *replica.Serving) (*url.URL, http.RoundTripper, error) {
	text := to.Advertise
	if to.Me {
		text = f.o.Self()
	}
	base, err := url.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("replica.advertise of %s: %w", to.Replica, err)
	}
	return base, f.targets.transport(to.Certificate), nil
}
